//! What pages came to, as JUnit's XML: a suite for each page, a case for each scenario.

use std::io;
use std::time::Duration;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::report::{Failure, PageReport, ScenarioReport};

/// Reports as JUnit's XML. Times are in seconds.
///
/// # Errors
///
/// Those of writing into memory.
pub fn junit(pages: &[PageReport]) -> io::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let element = writer.create_element("testsuites").with_attribute(("name", "ormai eval run"));
    element.write_inner_content(|writer| pages.iter().try_for_each(|page| suite(writer, page)))?;
    let mut text = String::from_utf8(writer.into_inner()).map_err(io::Error::other)?;
    text.push('\n');
    Ok(text)
}

fn suite(writer: &mut Writer<Vec<u8>>, page: &PageReport) -> io::Result<()> {
    let failed = page.scenarios.iter().filter(|scenario| !scenario.failures.is_empty()).count();
    let unread = usize::from(!page.findings.is_empty());
    let time: Duration = page.scenarios.iter().map(|scenario| scenario.elapsed).sum();
    let element = writer
        .create_element("testsuite")
        .with_attribute(("name", page.name.as_str()))
        .with_attribute(("tests", (page.scenarios.len() + unread).to_string().as_str()))
        .with_attribute(("failures", failed.to_string().as_str()))
        .with_attribute(("errors", unread.to_string().as_str()))
        .with_attribute(("time", seconds(time).as_str()));
    element.write_inner_content(|writer| {
        if unread > 0 {
            broken(writer, page)?;
        }
        page.scenarios.iter().try_for_each(|scenario| case(writer, page, scenario))
    })?;
    Ok(())
}

/// A page that did not come to its scenarios.
fn broken(writer: &mut Writer<Vec<u8>>, page: &PageReport) -> io::Result<()> {
    let case = writer
        .create_element("testcase")
        .with_attribute(("name", "the page"))
        .with_attribute(("classname", page.name.as_str()));
    case.write_inner_content(|writer| {
        for finding in &page.findings {
            let place = page.line_of(finding).map_or_else(|| page.name.clone(), |line| format!("{}:{line}", page.name));
            let error = writer.create_element("error").with_attribute(("message", finding.message.as_str()));
            error.write_text_content(BytesText::new(&format!("{place}: {finding}")))?;
        }
        Ok(())
    })?;
    Ok(())
}

fn case(writer: &mut Writer<Vec<u8>>, page: &PageReport, scenario: &ScenarioReport) -> io::Result<()> {
    let element = writer
        .create_element("testcase")
        .with_attribute(("name", scenario.title.as_str()))
        .with_attribute(("classname", page.name.as_str()))
        .with_attribute(("file", page.name.as_str()))
        .with_attribute(("line", scenario.line.to_string().as_str()))
        .with_attribute(("time", seconds(scenario.elapsed).as_str()));
    if scenario.failures.is_empty() {
        element.write_empty()?;
        return Ok(());
    }
    element
        .write_inner_content(|writer| scenario.failures.iter().try_for_each(|failure| told(writer, page, failure)))?;
    Ok(())
}

fn told(writer: &mut Writer<Vec<u8>>, page: &PageReport, failure: &Failure) -> io::Result<()> {
    let text = format!("{}:{}\n{}", page.name, failure.line, failure.difference(false));
    let element = writer.create_element("failure").with_attribute(("message", failure.what.as_str()));
    element.write_text_content(BytesText::new(&text))?;
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}
