//! Policy documents: print undoes load.

use std::sync::Arc;

use ormai_core::diagnostic::Diagnostic;
use ormai_core::policy::document::ModelPolicy;
use ormai_core::policy::{CompiledPolicy, Format, PolicyDocument};

use crate::world::{OPTIONS, first_catalog};

/// No text makes the reader of a format panic, nor the compiler against a catalog. Whatever
/// document loads, its printed form loads as an equal document, and compiles to the same
/// version or to as many findings.
///
/// # Panics
///
/// When that does not hold.
pub fn law(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for format in [Format::Yaml, Format::Toml, Format::Json] {
        let document = match PolicyDocument::parse(&text, format) {
            Ok(document) => document,
            Err(findings) => {
                assert!(!findings.is_empty(), "refused without a finding");
                for label in findings.iter().flat_map(|finding| &finding.labels) {
                    assert!(text.get(label.span.clone()).is_some(), "{label:?} is not in the text");
                }
                continue;
            }
        };
        let printed = document.to_yaml();
        let again = PolicyDocument::parse(&printed, Format::Yaml)
            .unwrap_or_else(|findings| panic!("{format:?} is printed as what does not load, {findings:?}:\n{printed}"));
        assert_eq!(document, again, "{printed}");
        assert_eq!(printed, again.to_yaml());
        match (compile(&document), compile(&again)) {
            (Ok(loaded), Ok(again)) => {
                assert_eq!(loaded.version(), again.version(), "{printed}");
                assert_eq!(loaded.diagnostics().len(), again.diagnostics().len(), "{printed}");
                loaded.view(&[]);
                loaded.view(&document.models.values().flat_map(roles).collect::<Vec<String>>());
            }
            (Err(findings), Err(again)) => assert_eq!(findings.len(), again.len(), "{printed}"),
            (loaded, again) => panic!("{:?} and then {:?}:\n{printed}", loaded.err(), again.err()),
        }
    }
}

fn compile(document: &PolicyDocument) -> Result<CompiledPolicy, Vec<Diagnostic>> {
    CompiledPolicy::compile(document, Arc::clone(first_catalog()), OPTIONS)
}

fn roles(model: &ModelPolicy) -> impl Iterator<Item = String> {
    model.roles.keys().map(|role| role.value.clone())
}
