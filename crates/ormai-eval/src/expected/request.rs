//! A call as the reference reads requests. The reader of JSON is the engine's; what a request means is not.

use ormai::Direction;
use ormai::error::ErrorCode;
use ormai::request::{self, Match, Operator, Tool};
use ormai_reference::Code;
use ormai_reference::world::{
    Act, Aggregate, Chosen, Figure, Filter, Get, Include, Matching, Op, Order, Query, Request, Write,
};
use serde_json::Value as Json;

use super::covered::NotCovered;

/// What is asked, or the code of the error with which it is not even read.
pub(super) type Asked = Result<Request, Code>;

/// Reads a call.
pub(super) fn read(tool: &str, arguments: &Json) -> Result<Asked, NotCovered> {
    let tool = Tool::from_name(tool).map_err(|_| NotCovered::new(format!("the tool `{tool}` is not known")))?;
    let asked = match request::Request::from_value(tool, arguments) {
        Ok(asked) => asked,
        Err(refused) => return Ok(Err(refused.code.as_str())),
    };
    if let Err(refused) = asked.check() {
        return Ok(Err(refused.code.as_str()));
    }
    let write = |model: &String, act, reason: &Option<String>, key: &Option<String>, dry_run| match key {
        Some(_) => Err(NotCovered::of(model, "what was written before under its idempotency key is not known")),
        None => Ok(Request::Write(Write { model: model.clone(), act, reason: reason.clone(), dry_run })),
    };
    let data = |data: &serde_json::Map<String, Json>| data.clone().into_iter().collect();
    Ok(Ok(match &asked {
        request::Request::Query(query) => {
            if query.cursor.is_some() {
                return Err(NotCovered::of(&query.model, "a page behind a cursor is compared with those before it"));
            }
            Request::Query(Query {
                model: query.model.clone(),
                filters: query.filters.iter().map(filter).collect::<Result<_, _>>()?,
                select: query.select.clone(),
                order: query.order.iter().map(order).collect(),
                include: query.include.iter().map(include).collect::<Result<_, _>>()?,
                limit: query.limit,
                with_total: query.with_total,
            })
        }
        request::Request::Get(get) => Request::Get(Get {
            model: get.model.clone(),
            id: get.id.clone(),
            select: get.select.clone(),
            include: get.include.iter().map(include).collect::<Result<_, _>>()?,
        }),
        request::Request::Aggregate(aggregate) => Request::Aggregate(Aggregate {
            model: aggregate.model.clone(),
            figures: aggregate.aggregations.iter().map(figure).collect(),
            filters: aggregate.filters.iter().map(filter).collect::<Result<_, _>>()?,
            group_by: aggregate.group_by.clone(),
            order: aggregate.order.iter().map(order).collect(),
            limit: aggregate.limit,
        }),
        request::Request::Create(create) => {
            let act = Act::Create { data: data(&create.data) };
            write(&create.model, act, &create.reason, &create.idempotency_key, create.dry_run)?
        }
        request::Request::Update(update) => {
            let act = Act::Update { id: update.id.clone(), data: data(&update.data) };
            write(&update.model, act, &update.reason, &update.idempotency_key, update.dry_run)?
        }
        request::Request::Delete(delete) => {
            let act = Act::Delete { id: delete.id.clone() };
            write(&delete.model, act, &delete.reason, &delete.idempotency_key, delete.dry_run)?
        }
        request::Request::BulkUpdate(bulk) => {
            let chosen = match &bulk.ids {
                Some(ids) => Chosen::Ids(ids.clone()),
                None => Chosen::Filters(bulk.filters.iter().map(filter).collect::<Result<_, _>>()?),
            };
            let act = Act::BulkUpdate { chosen, data: data(&bulk.data) };
            write(&bulk.model, act, &bulk.reason, &bulk.idempotency_key, bulk.dry_run)?
        }
        _ => return Err(NotCovered::new(format!("`{}` asks for no rows", tool.name()))),
    }))
}

/// The codes that a caller can be refused with where a request is well formed and the policy allows it, because
/// databases have rules of their own.
pub(super) const OF_THE_DATABASE: [ErrorCode; 2] = [ErrorCode::Conflict, ErrorCode::ValidationError];

fn filter(filter: &request::Filter) -> Result<Filter, NotCovered> {
    let all = |filters: &[request::Filter]| filters.iter().map(self::filter).collect::<Result<_, _>>();
    Ok(match filter {
        request::Filter::Field { field, op, value } => {
            Filter::Field { field: field.clone(), op: operator(*op), value: value.clone() }
        }
        request::Filter::And { and } => Filter::And(all(and)?),
        request::Filter::Or { or } => Filter::Or(all(or)?),
        request::Filter::Not { not } => Filter::Not(Box::new(self::filter(not)?)),
        request::Filter::Relation { relation, matching, filters } => Filter::Relation {
            relation: relation.clone(),
            matching: match matching {
                Match::Any => Matching::Any,
                Match::All => Matching::All,
                Match::None => Matching::None,
            },
            filters: all(filters)?,
        },
        _ => return Err(NotCovered::new("a filter of a kind that is not known")),
    })
}

fn operator(op: Operator) -> Op {
    match op {
        Operator::Eq => Op::Eq,
        Operator::Ne => Op::Ne,
        Operator::Lt => Op::Lt,
        Operator::Lte => Op::Lte,
        Operator::Gt => Op::Gt,
        Operator::Gte => Op::Gte,
        Operator::In => Op::In,
        Operator::NotIn => Op::NotIn,
        Operator::IsNull => Op::IsNull,
        Operator::Contains => Op::Contains,
        Operator::StartsWith => Op::StartsWith,
        Operator::EndsWith => Op::EndsWith,
        Operator::Between => Op::Between,
    }
}

fn order(order: &request::Order) -> Order {
    Order { field: order.field.clone(), descending: order.direction == Direction::Desc }
}

fn include(include: &request::Include) -> Result<Include, NotCovered> {
    Ok(Include {
        relation: include.relation.clone(),
        select: include.select.clone(),
        filters: include.filters.iter().map(filter).collect::<Result<_, _>>()?,
        order: include.order.iter().map(order).collect(),
        limit: include.limit,
        include: include.include.iter().map(self::include).collect::<Result<_, _>>()?,
    })
}

fn figure(figure: &request::Aggregation) -> Figure {
    Figure { function: figure.function.as_str().to_owned(), field: figure.field.clone(), alias: figure.alias.clone() }
}
