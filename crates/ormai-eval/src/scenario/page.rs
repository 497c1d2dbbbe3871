//! A page as scenarios, or everything that is wrong with it.

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use ormai::Dialect;
use ormai::catalog::Catalog;
use ormai::diagnostic::Diagnostic;
use ormai::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument, syntax};
use ormai::principal::Principal;
use ormai::request::Tool;
use ormai::suggest;
use serde_json::Value as Json;

use super::finding::{bad_json, error, line, wrong_type};
use super::markdown::{self, Block, Piece};
use super::role::{Role, dialect_name};
use super::rows::{self, PlantedRow};
use super::tree::Tree;
use super::{models, reply};
use crate::invariants::Invariants;

/// When scenarios take place that do not say.
const NOW: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// Stands for all invariants that are built in.
const ALL: &str = "all";

/// A page that has been read.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) scenarios: Vec<Scenario>,
}

/// A section with requests.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    /// The headings down to the section.
    pub(super) title: String,
    pub(super) line: usize,
    /// `None` where no request is made.
    pub(super) ground: Option<Ground>,
    /// What each request is held to.
    pub(super) invariants: Invariants,
    pub(super) steps: Vec<Step>,
}

/// On what requests are made.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) catalog: Arc<Catalog>,
    pub(super) rows: Vec<Arc<Vec<PlantedRow>>>,
    pub(super) policy: Arc<PolicyDocument>,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// What loading the policy finds.
    Findings { expected: Block, came: String },
    /// A call of a tool.
    Call(Box<Call>),
}

#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) tool: Tool,
    pub(super) arguments: Tree,
    pub(super) principal: Principal,
    pub(super) now: Timestamp,
    /// The block of the request.
    pub(super) span: Range<usize>,
    pub(super) reply: Option<Reply>,
    pub(super) sql: Vec<(Dialect, Block)>,
}

/// What should come of a call.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) is_error: bool,
    pub(super) expected: Tree,
    pub(super) block: Block,
}

/// What a section has from those above it.
#[derive(Clone, Debug)]
struct Setting {
    catalog: Option<Arc<Catalog>>,
    rows: Vec<Arc<Vec<PlantedRow>>>,
    policy: Option<Arc<PolicyDocument>>,
    principal: Option<Principal>,
    now: Timestamp,
    invariants: Invariants,
}

struct Section {
    level: usize,
    title: String,
    at: usize,
    setting: Setting,
    steps: Vec<Step>,
}

/// What loading the policy that stood last has found.
struct Found {
    text: String,
    errors: Vec<Diagnostic>,
}

struct Reader<'a> {
    text: &'a str,
    sections: Vec<Section>,
    found: Option<Found>,
    scenarios: Vec<Scenario>,
    findings: Vec<Diagnostic>,
}

/// Reads a page.
///
/// # Errors
///
/// Every finding.
pub(super) fn read(text: &str) -> Result<Page, Vec<Diagnostic>> {
    let setting = Setting {
        catalog: None,
        rows: Vec::new(),
        policy: None,
        principal: None,
        now: NOW,
        invariants: Invariants::none(),
    };
    let root = Section { level: 0, title: String::new(), at: 0, setting, steps: Vec::new() };
    let mut reader = Reader { text, sections: vec![root], found: None, scenarios: Vec::new(), findings: Vec::new() };
    for piece in markdown::pieces(text) {
        reader.piece(piece);
    }
    reader.close(0);
    reader.loaded();
    // A section ends behind those below it.
    reader.scenarios.sort_by_key(|scenario| scenario.line);
    if reader.findings.is_empty() { Ok(Page { scenarios: reader.scenarios }) } else { Err(reader.findings) }
}

impl Reader<'_> {
    fn piece(&mut self, piece: Piece) {
        match piece {
            Piece::Heading { level, title, span } => {
                self.loaded();
                self.close(level);
                if let Some(above) = self.sections.last() {
                    let title = if above.title.is_empty() { title } else { format!("{} › {title}", above.title) };
                    let setting = above.setting.clone();
                    self.sections.push(Section { level, title, at: span.start, setting, steps: Vec::new() });
                }
            }
            Piece::Table(table) => {
                let Some(catalog) = self.setting().and_then(|setting| setting.catalog.clone()) else { return };
                let Some(planted) = rows::of_table(&table, &catalog, &mut self.findings) else { return };
                if self.comes_first("rows", &table.span)
                    && let Some(setting) = self.setting()
                {
                    setting.rows.push(Arc::new(planted));
                }
            }
            Piece::Block(block) => match Role::read(&block.info) {
                Ok(None) => {}
                Err(wrong) => self.findings.push(wrong.at(block.info_span, "")),
                Ok(Some(_)) if block.is_broken => {
                    let wrong = error(
                        "misplaced-block",
                        "a block that means something stands outside of lists and quotations, at the beginning of a line, and has an end",
                    );
                    self.findings.push(wrong.at(block.info_span, ""));
                }
                Ok(Some(role)) => {
                    if role != Role::Findings {
                        self.loaded();
                    }
                    self.block(role, block);
                }
            },
        }
    }

    /// The errors of a policy, when nobody expected them.
    fn loaded(&mut self) {
        if let Some(found) = self.found.take() {
            self.findings.extend(found.errors);
        }
    }

    /// Ends the sections of a level and below.
    fn close(&mut self, level: usize) {
        while self.sections.last().is_some_and(|section| section.level >= level) {
            let Some(section) = self.sections.pop() else { return };
            if section.steps.is_empty() {
                continue;
            }
            let Setting { catalog, rows, policy, invariants, .. } = section.setting;
            let ground = catalog.zip(policy).map(|(catalog, policy)| Ground { catalog, rows, policy });
            let (title, line) = (section.title, line(self.text, section.at));
            self.scenarios.push(Scenario { title, line, ground, invariants, steps: section.steps });
        }
    }

    fn section(&mut self) -> Option<&mut Section> {
        self.sections.last_mut()
    }

    fn setting(&mut self) -> Option<&mut Setting> {
        self.section().map(|section| &mut section.setting)
    }

    fn body(&self, block: &Block) -> &str {
        self.text.get(block.body.clone()).unwrap_or_default()
    }

    /// What decides about a whole section stands before its requests.
    fn comes_first(&mut self, what: &str, span: &Range<usize>) -> bool {
        let is_first = self.section().is_some_and(|section| section.steps.is_empty());
        if !is_first {
            let wrong = error("misplaced-block", format!("{what} stand behind a request of their section"));
            let help = "put them before its first request, or begin a section".to_owned();
            self.findings.push(wrong.at(span.clone(), "").help(help));
        }
        is_first
    }

    /// Says what is missing, unless it may be what has been found wrong above.
    fn lacks(&mut self, what: &str, block: &Block) {
        if !self.findings.is_empty() {
            return;
        }
        let wrong = error("misplaced-block", format!("no {what} stands above this block"));
        self.findings.push(wrong.at(block.info_span.clone(), ""));
    }

    fn block(&mut self, role: Role, block: Block) {
        match role {
            Role::Models if self.comes_first("models", &block.info_span) => self.models(&block),
            Role::Policy(format) if self.comes_first("a policy's words", &block.info_span) => {
                self.policy(format, &block);
            }
            Role::Rows(format) if self.comes_first("rows", &block.info_span) => self.rows(format, &block),
            Role::Invariants if self.comes_first("invariants", &block.info_span) => self.invariants(&block),
            Role::Models | Role::Policy(_) | Role::Rows(_) | Role::Invariants => {}
            Role::Principal(format) => self.principal(format, &block),
            Role::Now => self.now(&block),
            Role::Findings => self.found(block),
            Role::Request(tool) => self.request(tool, &block),
            Role::Reply { is_error } => self.reply(is_error, block),
            Role::Sql(dialect) => self.sql(dialect, block),
        }
    }

    /// A document in a block, with its places moved to the page.
    fn document(&mut self, format: Format, block: &Block) -> Option<syntax::Node> {
        let start = block.body.start;
        match syntax::read(self.body(block), format) {
            Ok(node) => Some(reply::moved(node, start)),
            Err(findings) => {
                self.findings.extend(findings.into_iter().map(|finding| finding.shifted(start)));
                None
            }
        }
    }

    fn models(&mut self, block: &Block) {
        let Some(node) = self.document(Format::Yaml, block) else { return };
        let Some(catalog) = models::read(&node, &mut self.findings) else { return };
        if let Some(setting) = self.setting() {
            setting.catalog = Some(Arc::new(catalog));
            setting.rows.clear();
            setting.policy = None;
        }
    }

    fn policy(&mut self, format: Format, block: &Block) {
        let Some(catalog) = self.setting().and_then(|setting| setting.catalog.clone()) else {
            return self.lacks("`yaml models`", block);
        };
        let compiled = PolicyDocument::parse(self.body(block), format).and_then(|document| {
            let options = CompileOptions { has_hash_key: true };
            CompiledPolicy::compile(&document, catalog, options).map(|policy| (document, policy))
        });
        let start = block.body.start;
        let (document, findings) = match compiled {
            Ok((document, policy)) => (Some(Arc::new(document)), policy.diagnostics().to_vec()),
            Err(findings) => (None, findings),
        };
        let text = findings.iter().map(reply::finding).collect();
        let errors = findings.into_iter().filter(Diagnostic::is_error).map(|finding| finding.shifted(start)).collect();
        self.found = Some(Found { text, errors });
        if let Some(setting) = self.setting() {
            setting.policy = document;
        }
    }

    fn found(&mut self, block: Block) {
        let Some(found) = self.found.take() else { return self.lacks("policy without findings", &block) };
        if let Some(section) = self.section() {
            section.steps.push(Step::Findings { expected: block, came: found.text });
        }
    }

    fn rows(&mut self, format: Format, block: &Block) {
        let Some(catalog) = self.setting().and_then(|setting| setting.catalog.clone()) else {
            return self.lacks("`yaml models`", block);
        };
        let Some(node) = self.document(format, block) else { return };
        let planted = rows::of_node(&node, &catalog, &mut self.findings);
        if let Some(setting) = self.setting() {
            setting.rows.push(Arc::new(planted));
        }
    }

    fn invariants(&mut self, block: &Block) {
        let (mut invariants, mut findings, mut at) = (Invariants::none(), Vec::new(), block.body.start);
        for line in self.body(block).split_inclusive('\n') {
            let name = line.trim();
            let from = at + line.find(name).unwrap_or_default();
            match (name, Invariants::named(name)) {
                ("", _) => {}
                (ALL, _) => invariants = Invariants::all(),
                (_, Ok(invariant)) => invariants.push(invariant),
                (_, Err(unknown)) => {
                    let wrong = error("unknown-word", format!("there is no invariant `{name}`"));
                    findings.push(wrong.at(from..from + name.len(), "").help(unknown.hint));
                }
            }
            at += line.len();
        }
        self.findings.extend(findings);
        if let Some(setting) = self.setting() {
            setting.invariants = invariants;
        }
    }

    fn principal(&mut self, format: Format, block: &Block) {
        let Some(node) = self.document(format, block) else { return };
        let principal = reply::principal(&node, &mut self.findings);
        if let Some(setting) = self.setting() {
            setting.principal = Some(principal);
        }
    }

    fn now(&mut self, block: &Block) {
        match self.body(block).trim().parse() {
            Ok(now) => {
                if let Some(setting) = self.setting() {
                    setting.now = now;
                }
            }
            Err(_) => {
                let wrong = error("unreadable-block", "this is no time such as `2026-06-01T12:00:00Z`");
                self.findings.push(wrong.at(block.body.clone(), ""));
            }
        }
    }

    fn json(&mut self, block: &Block) -> Option<Tree> {
        let read = Tree::read(self.body(block));
        read.map_err(|wrong| self.findings.push(bad_json(&wrong, self.body(block), &block.body))).ok()
    }

    fn request(&mut self, tool: Tool, block: &Block) {
        let arguments = self.json(block);
        let Some(Setting { catalog, policy, principal, now, .. }) = self.setting().cloned() else { return };
        if catalog.is_none() {
            self.lacks("`yaml models`", block);
        } else if policy.is_none() {
            self.lacks("policy that loads", block);
        }
        let Some(principal) = principal else { return self.lacks("principal", block) };
        let Some(arguments) = arguments else { return };
        let span = block.span.clone();
        let call = Call { tool, arguments, principal, now, span, reply: None, sql: Vec::new() };
        if let Some(section) = self.section() {
            section.steps.push(Step::Call(Box::new(call)));
        }
    }

    /// The request that stood last in the section.
    fn call(&mut self) -> Option<&mut Call> {
        match self.section()?.steps.last_mut() {
            Some(Step::Call(call)) => Some(call),
            _ => None,
        }
    }

    fn reply(&mut self, is_error: bool, block: Block) {
        let Some(expected) = self.json(&block) else { return };
        match self.call().map(|call| &mut call.reply) {
            None => self.lacks("request in its section", &block),
            Some(reply @ None) => *reply = Some(Reply { is_error, expected, block }),
            Some(Some(_)) => self.said_before("answer or error", &block),
        }
    }

    fn sql(&mut self, dialect: Dialect, block: Block) {
        match self.call().map(|call| &mut call.sql) {
            None => self.lacks("request in its section", &block),
            Some(sql) if sql.iter().any(|(known, _)| *known == dialect) => {
                self.said_before(&format!("SQL for {}", dialect_name(dialect)), &block);
            }
            Some(sql) => sql.push((dialect, block)),
        }
    }

    /// Says what stands twice, unless a request between them may be what has been found wrong.
    fn said_before(&mut self, what: &str, block: &Block) {
        if self.findings.is_empty() {
            let wrong = error("misplaced-block", format!("the request above has its {what} already"));
            self.findings.push(wrong.at(block.info_span.clone(), ""));
        }
    }
}

/// What a principal's block says is checked by [`reply::principal`]; this names its keys.
pub(super) const PRINCIPAL_KEYS: &[&str] = &["tenant_id", "user_id", "roles", "metadata"];

/// A text in which a member of the answer before is asked for: `$answer.rows.0.id`.
pub(super) const ANSWER: &str = "$answer.";

/// The arguments with what they take from the answer before; the path that leads nowhere otherwise.
pub(super) fn filled(arguments: &Tree, answer: Option<&Tree>) -> Result<Json, String> {
    fn fill(tree: &Tree, answer: Option<&Tree>) -> Result<Tree, String> {
        Ok(match tree {
            Tree::Text(text) => match text.strip_prefix(ANSWER) {
                Some(path) => {
                    let found = answer.and_then(|answer| answer.at(path.split('.')));
                    found.cloned().ok_or_else(|| text.clone())?
                }
                None => tree.clone(),
            },
            Tree::List(items) => Tree::List(items.iter().map(|item| fill(item, answer)).collect::<Result<_, _>>()?),
            Tree::Object(members) => {
                let member = |(key, value): &(String, Tree)| Ok((key.clone(), fill(value, answer)?));
                Tree::Object(members.iter().map(member).collect::<Result<_, String>>()?)
            }
            scalar => scalar.clone(),
        })
    }
    fill(arguments, answer).map(|tree| tree.to_json())
}

/// A list of texts, as roles are.
pub(super) fn texts(node: &syntax::Node, what: &str, findings: &mut Vec<Diagnostic>) -> Vec<String> {
    let mut texts = Vec::new();
    if let syntax::Content::Sequence(items) = &node.content {
        for item in items {
            match &item.content {
                syntax::Content::Text(text) => texts.push(text.clone()),
                _ => findings.push(wrong_type(item, what, "a list of texts")),
            }
        }
    } else {
        findings.push(wrong_type(node, what, "a list of texts"));
    }
    texts
}

/// A key that is not known.
pub(super) fn unknown_key(entry: &syntax::Entry, known: &[&str]) -> Diagnostic {
    let wrong = error("unknown-key", format!("unknown key `{}`", entry.key)).at(entry.key_span.clone(), "");
    wrong.help(suggest::help(&entry.key, known.iter().copied()))
}
