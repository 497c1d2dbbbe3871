//! What a block means: the words behind its fence.

use ormai::Dialect;
use ormai::diagnostic::Diagnostic;
use ormai::policy::Format;
use ormai::request::Tool;
use ormai::suggest;

use super::finding::error;

/// What a block means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Models,
    Policy(Format),
    Rows(Format),
    Principal(Format),
    Now,
    Invariants,
    Findings,
    Request(Tool),
    Reply { is_error: bool },
    Sql(Dialect),
}

/// The roles with the languages that they are written in.
const ROLES: &[(&str, &[&str])] = &[
    ("models", &["yaml"]),
    ("policy", &["yaml", "toml", "json"]),
    ("rows", &["yaml", "json"]),
    ("principal", &["json", "yaml"]),
    ("now", &["text"]),
    ("invariants", &["text"]),
    ("findings", &["text"]),
    ("request", &["json"]),
    ("answer", &["json"]),
    ("error", &["json"]),
    ("sqlite", &["sql"]),
    ("postgres", &["sql"]),
    ("mysql", &["sql"]),
];

impl Role {
    /// Reads what stands behind a fence; `None` for a block that is prose: at most one word.
    pub(super) fn read(info: &str) -> Result<Option<Self>, Diagnostic> {
        let words: Vec<&str> = info.split_whitespace().collect();
        let (language, role, rest) = match words.as_slice() {
            [] | [_] => return Ok(None),
            [language, role, rest @ ..] => (*language, *role, rest),
        };
        let Some((_, languages)) = ROLES.iter().find(|(known, _)| *known == role) else {
            let wrong = error("unknown-block", format!("a block cannot be `{role}`"));
            return Err(wrong.help(suggest::help(role, ROLES.iter().map(|(known, _)| *known))));
        };
        if !languages.contains(&language) {
            let help = format!("write `{} {role}`", languages.first().copied().unwrap_or_default());
            return Err(error("unknown-block", format!("`{role}` is not written in {language}")).help(help));
        }
        let format = match language {
            "toml" => Format::Toml,
            "json" => Format::Json,
            _ => Format::Yaml,
        };
        if role == "request" {
            let tools = || Tool::ALL.into_iter().map(Tool::name);
            return match rest {
                [name] => match Tool::ALL.into_iter().find(|tool| tool.name() == *name) {
                    Some(tool) => Ok(Some(Self::Request(tool))),
                    None => {
                        let known: Vec<&str> = tools().collect();
                        Err(error("unknown-block", format!("unknown tool `{name}`")).help(suggest::help(name, known)))
                    }
                },
                _ => {
                    Err(error("unknown-block", "a request names one tool")
                        .help("write `json request query`".to_owned()))
                }
            };
        }
        if let [unknown, ..] = rest {
            return Err(error(
                "unknown-block",
                format!("nothing may stand behind `{language} {role}`, and `{unknown}` does"),
            ));
        }
        Ok(Some(match role {
            "models" => Self::Models,
            "policy" => Self::Policy(format),
            "rows" => Self::Rows(format),
            "principal" => Self::Principal(format),
            "now" => Self::Now,
            "invariants" => Self::Invariants,
            "findings" => Self::Findings,
            "answer" => Self::Reply { is_error: false },
            "error" => Self::Reply { is_error: true },
            "sqlite" => Self::Sql(Dialect::Sqlite),
            "postgres" => Self::Sql(Dialect::Postgres),
            _ => Self::Sql(Dialect::MySql),
        }))
    }
}

/// The word for a dialect behind a fence.
pub(super) fn dialect_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "sqlite",
        Dialect::Postgres => "postgres",
        _ => "mysql",
    }
}
