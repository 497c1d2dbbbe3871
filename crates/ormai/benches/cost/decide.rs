//! Deciding without a database: from a request to a statement with its values.

use std::hint::black_box;
use std::sync::Arc;

use ormai::catalog::Catalog;
use ormai::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai::principal::{CallContext, Principal};
use ormai::request::{Query, Request, field};
use ormai::{Call, Dialect, Engine, Keys};
use ormai_core::cursor::CursorKey;
use ormai_testkit::guide_policy;

use crate::timing::Samples;

const WARM: usize = 20_000;
const COLD: usize = 400;

pub(crate) fn run(dialect: Dialect, catalog: &Arc<Catalog>) {
    println!("(a) authorize + compile + bind, the guide's order query: {dialect:?}");
    let engine = engine(dialect, catalog);
    let (mut warm, mut cold) = (Samples::default(), Samples::default());
    decide(&engine, call());
    for round in 0..WARM {
        warm.time(|| decide(&engine, call()));
        if round % (WARM / COLD) == 0 {
            let fresh = self::engine(dialect, catalog);
            cold.time(|| decide(&fresh, call()));
        }
    }
    warm.print("warm (limit 8 µs)");
    cold.print("cold (limit 60 µs)");
}

fn engine(dialect: Dialect, catalog: &Arc<Catalog>) -> Arc<Engine> {
    let document = PolicyDocument::parse(guide_policy(), Format::Yaml).unwrap();
    let options = CompileOptions { has_hash_key: false };
    let policy = CompiledPolicy::compile(&document, Arc::clone(catalog), options).unwrap();
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
