//! Deciding without a database: from a request to a statement with its values.

use std::hint::black_box;
use std::sync::Arc;

use ormai::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai::principal::{CallContext, Principal};
use ormai::request::{Query, Request, field};
use ormai::{Call, Dialect, Engine, Keys};
use ormai_core::cursor::CursorKey;
use ormai_testkit::{guide_catalog, guide_policy};

use crate::timing::Samples;

const WARM: usize = 20_000;
const COLD: usize = 400;

pub(crate) fn run() {
    for dialect in [Dialect::Postgres, Dialect::Sqlite] {
        let engine = engine(dialect);
        let (mut warm, mut cold) = (Samples::default(), Samples::default());
        decide(&engine, call());
        for round in 0..WARM {
            warm.time(|| decide(&engine, call()));
            if round % (WARM / COLD) == 0 {
                let fresh = self::engine(dialect);
                cold.time(|| decide(&fresh, call()));
            }
        }
        warm.print(&format!("{dialect:?}, warm (limit 8 µs)"));
        cold.print(&format!("{dialect:?}, cold (limit 60 µs)"));
    }
}

fn engine(dialect: Dialect) -> Arc<Engine> {
    let document = PolicyDocument::parse(guide_policy(), Format::Yaml).unwrap();
    let options = CompileOptions { has_hash_key: false };
    let policy = CompiledPolicy::compile(&document, Arc::new(guide_catalog()), options).unwrap();
    // Views are made once per set of roles, at the first call of such a principal.
    policy.view(&[]);
    Arc::new(Engine::new(policy, dialect, Keys { cursor: CursorKey::new(&[7; 32]), hash: None }))
}

fn call() -> CallContext {
    CallContext {
        principal: Principal::new("acme-corp").user("user-123"),
        request_id: "bench".to_owned(),
        trace_id: None,
        now: Default::default(),
    }
}

fn decide(engine: &Arc<Engine>, call: CallContext) {
    let request: Request = Query::model("Order")
        .filter(field("status").eq("pending"))
        .select(["id", "tenant_id", "user_id", "status"])
        .limit(10)
        .into();
    let mut call = Call::begin(Arc::clone(engine), call, request).unwrap();
    let statement = call.statement().unwrap().unwrap();
    for bind in statement.binds() {
        black_box(bind);
    }
    black_box(statement);
}
