//! Deciding without a database: from a request to a statement with its values.

use std::hint::black_box;
use std::sync::Arc;

use ormai::catalog::Catalog;
use ormai::policy::{CompileOptions, CompiledPolicy, Format, PolicyDocument};
use ormai::principal::{CallContext, Principal};
use ormai::request::{Create, Query, Request, Update, field};
use ormai::value::Value;
use ormai::{Call, Dialect, Engine, Keys, WriteCall, WriteStatement};
use ormai_core::answer::Fetched;
use ormai_core::cursor::CursorKey;
use ormai_testkit::{guide_policy, writes_policy};

use crate::timing::Samples;

const WARM: usize = 20_000;
const COLD: usize = 400;

pub(crate) fn run(dialect: Dialect, catalog: &Arc<Catalog>) {
    println!("(a) authorize + compile + bind, the guide's order query: {dialect:?}");
    let engine = engine(guide_policy(), dialect, catalog);
    let (mut warm, mut cold) = (Samples::default(), Samples::default());
    decide(&engine, call());
    for round in 0..WARM {
        warm.time(|| decide(&engine, call()));
        if round % (WARM / COLD) == 0 {
            let fresh = self::engine(guide_policy(), dialect, catalog);
            cold.time(|| decide(&fresh, call()));
        }
    }
    warm.print("warm (limit 8 µs)");
    cold.print("cold (limit 60 µs)");

    println!("    the same of all statements of a write");
    let engine = self::engine(writes_policy(), dialect, catalog);
    let create: Request = Create::new("OrderItem")
        .set("id", 10_000_000)
        .set("order_id", 1)
        .set("sku", "A-17")
        .set("quantity", 1)
        .set("price", "12.34")
        .reason("measured")
        .into();
    let update: Request = Update::new("OrderItem", 10_000_000).set("quantity", 2).reason("measured").into();
    for (name, request) in [("warm create: three statements", create), ("warm update: two statements", update)] {
        let mut warm = Samples::default();
        decide_write(&engine, call(), &request);
        for _ in 0..WARM {
            warm.time(|| decide_write(&engine, call(), &request));
        }
        warm.print(name);
    }
}

/// Every statement of a write, with answers that let it go on.
fn decide_write(engine: &Arc<Engine>, call: CallContext, request: &Request) {
    let mut call = WriteCall::begin(Arc::clone(engine), call, request).unwrap();
    let mut is_written = false;
    while let Some(statement) = call.statement().unwrap() {
        match &statement {
            WriteStatement::Read(read) => {
                read.binds().for_each(|bind| _ = black_box(bind));
                let answer = if is_written { Value::Int(10_000_000) } else { Value::Bool(true) };
                let width = read.columns().len();
                call.read(Fetched::new(width, vec![answer; width])).unwrap();
            }
            WriteStatement::Change(change) => {
                change.binds().for_each(|bind| _ = black_box(bind));
                is_written = true;
                call.changed(1, &Fetched::new(1, vec![Value::Int(10_000_000)])).unwrap();
            }
        }
        black_box(statement);
    }
}

fn engine(policy: &str, dialect: Dialect, catalog: &Arc<Catalog>) -> Arc<Engine> {
    let document = PolicyDocument::parse(policy, Format::Yaml).unwrap();
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
