//! A request that waits for an approval, and what became of it.

use std::fmt;

use jiff::Timestamp;
use ormai_core::principal::Principal;
use ormai_core::request::{Request, Tool};
use ormai_db::approvals::Parked;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

/// A request that waits for an approval, or waited for one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Approval {
    /// Its name.
    pub id: String,
    /// What became of it.
    pub status: Status,
    /// When it was asked for.
    #[serde(serialize_with = "as_text")]
    pub requested_at: Timestamp,
    /// From then on nobody can approve it.
    #[serde(serialize_with = "as_text")]
    pub expires_at: Timestamp,
    /// Who asked; the write is made under this principal.
    #[serde(serialize_with = "without_metadata")]
    pub requester: Principal,
    /// The policy that it was asked under. Under another one it is void.
    pub policy_version: String,
    /// The tool.
    pub tool: Tool,
    /// The model.
    pub model: String,
    /// The tool's arguments, exactly as they will be used.
    pub request: Json,
    /// What the write would have done when it was asked for, as the requester may see it.
    pub preview: Json,
    /// Who decided, once somebody has.
    pub decision: Option<Decision>,
    /// What came of it, once it was tried.
    pub outcome: Option<Outcome>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody has decided yet.
    Pending,
    /// It may be made, and was not yet.
    Approved,
    /// It was made.
    Executed,
    /// It was approved, and refused when it was made.
    Failed,
    /// An approver said no.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// Another policy came into force before it was made.
    Void,
}

/// Who decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// The approver's tenant.
    pub tenant_id: Json,
    /// The approver.
    pub user_id: Json,
    /// When.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// Why, in the approver's words.
    pub note: Option<String>,
}

/// What came of an approved request.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// How many rows were changed.
    AffectedCount(u64),
    /// Why it was refused when it was made: the error's code, and its message for the requester.
    Error {
        /// The code.
        code: String,
        /// The message.
        message: String,
    },
}

fn as_text<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// Metadata can hold what an approver should not see.
fn without_metadata<S: serde::Serializer>(principal: &Principal, serializer: S) -> Result<S::Ok, S::Error> {
    let shown = json!({
        "tenant_id": principal.tenant_id(),
        "user_id": principal.user_id(),
        "roles": principal.roles(),
    });
    shown.serialize(serializer)
}

impl Status {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 7] =
        [Self::Pending, Self::Approved, Self::Executed, Self::Failed, Self::Rejected, Self::Expired, Self::Void];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Executed => "executed",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Void => "void",
        }
    }

    /// The status with a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Approval {
    /// As texts, for a store.
    pub fn to_stored(&self) -> Parked {
        let request = json!({
            "requested_at": self.requested_at.to_string(),
            "expires_at": self.expires_at.to_string(),
            "principal": {
                "tenant_id": self.requester.tenant_id(),
                "user_id": self.requester.user_id(),
                "roles": self.requester.roles(),
                "metadata": self.requester.all_metadata(),
            },
            "policy_version": self.policy_version,
            "tool": self.tool.name(),
            "model": self.model,
            "arguments": self.request,
            "preview": self.preview,
        });
        Parked {
            id: self.id.clone(),
            status: self.status.as_str().to_owned(),
            request: request.to_string(),
            decision: self.decision.as_ref().map(Decision::stored),
            outcome: self.outcome.as_ref().map(Outcome::stored),
        }
    }

    /// From its texts; `None` for anything that [`Approval::to_stored`] does not give.
    pub fn from_stored(stored: &Parked) -> Option<Self> {
        let request: Json = serde_json::from_str(&stored.request).ok()?;
        let text = |key: &str| request.get(key)?.as_str();
        let time = |key: &str| text(key)?.parse::<Timestamp>().ok();
        let decision = match &stored.decision {
            None => None,
            Some(decision) => Some(Decision::from_stored(decision)?),
        };
        let outcome = match &stored.outcome {
            None => None,
            Some(outcome) => Some(Outcome::from_stored(outcome)?),
        };
        Some(Self {
            id: stored.id.clone(),
            status: Status::from_word(&stored.status)?,
            requested_at: time("requested_at")?,
            expires_at: time("expires_at")?,
            requester: principal(request.get("principal")?)?,
            policy_version: text("policy_version")?.to_owned(),
            tool: Tool::from_name(text("tool")?).ok()?,
            model: text("model")?.to_owned(),
            request: request.get("arguments")?.clone(),
            preview: request.get("preview")?.clone(),
            decision,
            outcome,
        })
    }

    /// The request as it will be made.
    pub(super) fn parked_request(&self) -> ormai_core::error::Result<Request> {
        Request::from_value(self.tool, &self.request)
    }
}

fn principal(json: &Json) -> Option<Principal> {
    let mut principal = Principal::new(json.get("tenant_id")?.clone()).user(json.get("user_id")?.clone());
    for role in json.get("roles")?.as_array()? {
        principal = principal.role(role.as_str()?);
    }
    for (key, value) in json.get("metadata")?.as_object()? {
        principal = principal.metadata(key, value.clone());
    }
    Some(principal)
}

impl Decision {
    pub(super) fn stored(&self) -> String {
        let (tenant, user, at) = (&self.tenant_id, &self.user_id, self.at.to_string());
        json!({"tenant_id": tenant, "user_id": user, "at": at, "note": self.note}).to_string()
    }

    fn from_stored(text: &str) -> Option<Self> {
        let json: Map<String, Json> = serde_json::from_str(text).ok()?;
        Some(Self {
            tenant_id: json.get("tenant_id")?.clone(),
            user_id: json.get("user_id")?.clone(),
            at: json.get("at")?.as_str()?.parse().ok()?,
            note: json.get("note").and_then(Json::as_str).map(str::to_owned),
        })
    }
}

impl Outcome {
    pub(super) fn stored(&self) -> String {
        match self {
            Self::AffectedCount(count) => json!({"affected_count": count}).to_string(),
            Self::Error { code, message } => json!({"error": {"code": code, "message": message}}).to_string(),
        }
    }

    fn from_stored(text: &str) -> Option<Self> {
        let json: Map<String, Json> = serde_json::from_str(text).ok()?;
        match (json.get("affected_count"), json.get("error")) {
            (Some(count), None) => Some(Self::AffectedCount(count.as_u64()?)),
            (None, Some(error)) => {
                let text = |key: &str| error.get(key)?.as_str().map(str::to_owned);
                Some(Self::Error { code: text("code")?, message: text("message")? })
            }
            _ => None,
        }
    }
}
