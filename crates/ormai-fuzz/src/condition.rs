//! Conditions: print undoes parse.

use ormai_core::condition::{compile, parse};

use crate::world::first_catalog;

/// No text makes the parser or the checker panic. Whatever text is read, its printed form is
/// read as the same tree and printed the same; whatever compiles, its printed form compiles to
/// the same condition; and what is refused is refused with a place in the text.
///
/// # Panics
///
/// When that does not hold.
pub fn law(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let parsed = parse(&text);
    match &parsed {
        Err(findings) => {
            assert!(!findings.is_empty(), "refused without a finding");
            for label in findings.iter().flat_map(|finding| &finding.labels) {
                assert!(text.get(label.span.clone()).is_some(), "{label:?} is not in the text");
            }
        }
        Ok(tree) => {
            let printed = tree.to_string();
            assert_eq!(parse(&printed).as_ref(), Ok(tree), "{printed}");
        }
    }
    let printed = parsed.as_ref().map(ToString::to_string);
    let catalog = first_catalog();
    for (model, _) in catalog.models() {
        let compiled = compile(&text, catalog, model);
        let Ok(printed) = &printed else {
            assert!(compiled.is_err(), "what cannot be read compiles");
            continue;
        };
        match (compiled, compile(printed, catalog, model)) {
            (Ok(read), Ok(again)) => assert_eq!(read.condition.root(), again.condition.root(), "{printed}"),
            (Err(_), Err(_)) => {}
            (read, again) => panic!("{printed}: {:?} and then {:?}", read.err(), again.err()),
        }
    }
}
