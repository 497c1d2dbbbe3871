//! What a call came to.

use ormai::audit::Record;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// What a call came to: its answer as it was given, and what the trail says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// `{"success", "data" or "error", "metadata"}`.
    pub result: Json,
    /// The closed records of the call, the newest first; `None` where there is no trail to ask.
    pub records: Option<Vec<Record>>,
}

/// What differs from one call to the next and says nothing.
const OF_EACH_CALL: [&str; 3] = ["request_id", "execution_time_ms", "audit_id"];

impl Observed {
    /// Reads an answer as [`ormai::CallResult`] is written. What cannot be read is taken for text.
    pub fn read(text: &str, records: Option<Vec<Record>>) -> Self {
        Self { result: serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned())), records }
    }

    /// Whether it was answered.
    pub fn success(&self) -> bool {
        self.result.get("success") == Some(&Json::Bool(true))
    }

    /// The answer, of a call that was answered.
    pub fn data(&self) -> Option<&Json> {
        self.result.get("data")
    }

    /// The error, of a call that was refused.
    pub fn error(&self) -> Option<&Json> {
        self.result.get("error")
    }

    /// The code of the error.
    pub fn code(&self) -> Option<&str> {
        self.error()?.get("code")?.as_str()
    }

    /// What is said about the answer.
    pub fn metadata(&self) -> Option<&Map<String, Json>> {
        self.result.get("metadata")?.as_object()
    }

    /// The name of the call.
    pub fn request_id(&self) -> Option<&str> {
        self.metadata()?.get("request_id")?.as_str()
    }

    /// The name of its record, as the answer gives it.
    pub fn audit_id(&self) -> Option<&str> {
        self.metadata()?.get("audit_id")?.as_str()
    }

    /// Everything that must be the same when the same is asked again: the answer without the name
    /// of the call, of its record and of what waits for an approval, and without its time.
    pub fn comparable(&self) -> Json {
        let mut result = self.result.clone();
        if let Some(metadata) = result.get_mut("metadata").and_then(Json::as_object_mut) {
            for key in OF_EACH_CALL {
                metadata.remove(key);
            }
        }
        if let Some(data) = result.get_mut("data").and_then(Json::as_object_mut)
            && data.get("status").is_some_and(|status| status == "pending_approval")
        {
            data.remove("approval_id");
        }
        result
    }
}

/// The first places in which two documents differ, such as `data.rows[2].total`; at most `most`.
pub fn differences(one: &Json, other: &Json, most: usize) -> Vec<String> {
    let mut found = Vec::new();
    differ(one, other, "", most, &mut found);
    found
}

fn differ(one: &Json, other: &Json, place: &str, most: usize, found: &mut Vec<String>) {
    if found.len() >= most || one == other {
        return;
    }
    match (one, other) {
        (Json::Object(one), Json::Object(other)) => {
            let keys: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let at = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                match (one.get(key), other.get(key)) {
                    (Some(one), Some(other)) => differ(one, other, &at, most, found),
                    _ => found.push(at),
                }
            }
        }
        (Json::Array(one), Json::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                differ(one, other, &format!("{place}[{index}]"), most, found);
            }
        }
        _ => found.push(place.to_owned()),
    }
    found.truncate(most);
}
