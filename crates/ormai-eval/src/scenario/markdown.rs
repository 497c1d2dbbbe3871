//! A page as headings, marked blocks and tables, each with its place. Everything else is prose.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// A part of a page that may mean something.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Heading { level: usize, title: String, span: Range<usize> },
    Block(Block),
    Table(Table),
}

/// A fenced block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The words behind the fence.
    pub(super) info: String,
    pub(super) info_span: Range<usize>,
    /// With its fences.
    pub(super) span: Range<usize>,
    /// What stands between the fences, whole lines.
    pub(super) body: Range<usize>,
    /// Whether it stands in a list or a quotation, where its lines have something before them, or has no
    /// end.
    pub(super) is_broken: bool,
}

/// A table of Markdown.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) span: Range<usize>,
    pub(super) header: Vec<Cell>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// A cell as it is written, without the blanks around it.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// The parts of a page, in their order.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let (mut pieces, mut nested) = (Vec::new(), 0_usize);
    let mut heading: Option<String> = None;
    let mut table: Option<Table> = None;
    for (event, span) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::BlockQuote(_) | Tag::Item) => nested += 1,
            Event::End(TagEnd::BlockQuote(_) | TagEnd::Item) => nested = nested.saturating_sub(1),
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(level)) => {
                let title = heading.take().unwrap_or_default();
                pieces.push(Piece::Heading { level: number(level), title, span });
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some(title) = &mut heading {
                    title.push_str(&words);
                }
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                pieces.extend(block(text, &info, span, nested > 0).map(Piece::Block));
            }
            Event::Start(Tag::Table(_)) => table = Some(Table { span, header: Vec::new(), rows: Vec::new() }),
            Event::End(TagEnd::Table) => pieces.extend(table.take().filter(|_| nested == 0).map(Piece::Table)),
            Event::Start(Tag::TableRow) => {
                if let Some(table) = &mut table {
                    table.rows.push(Vec::new());
                }
            }
            Event::Start(Tag::TableCell) => {
                if let Some(table) = &mut table {
                    let row = table.rows.last_mut().unwrap_or(&mut table.header);
                    row.push(cell(text, span));
                }
            }
            _ => {}
        }
    }
    pieces
}

fn number(level: HeadingLevel) -> usize {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

fn block(text: &str, info: &str, span: Range<usize>, is_nested: bool) -> Option<Block> {
    let fenced = text.get(span.clone())?;
    let (opening, _) = fenced.split_once('\n').unwrap_or((fenced, ""));
    let body_start = span.start + opening.len() + 1;
    let info_start = span.start + opening.find(info).filter(|_| !info.is_empty()).unwrap_or(opening.len());
    let last = fenced.trim_end().rfind('\n').map_or(0, |at| at + 1);
    let closing = fenced.get(last..).unwrap_or_default().trim();
    let fence = opening.trim_start().chars().next().unwrap_or('`');
    let is_closed = last > 0 && closing.len() >= 3 && closing.chars().all(|char| char == fence);
    // The first line of a page, or after a line's end.
    let at_line_start = span.start == 0 || text.get(..span.start).is_some_and(|before| before.ends_with('\n'));
    let end = span.start + last;
    let is_broken = is_nested || !is_closed || !at_line_start || body_start > end;
    let body = if is_broken { span.end..span.end } else { body_start..end };
    Some(Block {
        info: info.to_owned(),
        info_span: info_start..info_start + info.len(),
        span: span.start..span.start + fenced.trim_end().len(),
        body,
        is_broken,
    })
}

fn cell(text: &str, span: Range<usize>) -> Cell {
    let raw = text.get(span.clone()).unwrap_or_default();
    let trimmed = raw.trim_matches(|char: char| char.is_whitespace() || char == '|');
    let start = span.start + raw.find(trimmed).unwrap_or_default();
    let bare = trimmed.strip_prefix('`').and_then(|text| text.strip_suffix('`')).unwrap_or(trimmed);
    Cell { text: bare.replace("\\|", "|"), span: start..start + trimmed.len() }
}
