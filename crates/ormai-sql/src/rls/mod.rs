//! Native row-level security of PostgreSQL, made from a policy: a second wall under the first.
//!
//! This is DDL, which binds no values, so names and values of the policy stand in its text. One
//! file, `text`, quotes them; everything else puts together what it made and words of its own.
//!
//! Where to look:
//!
//! - `script`: the whole, and what it says of itself;
//! - `policies`, `rows`, `gate`: the policies of a model, for principals of all roles at once;
//! - `condition`, `principal`, `value`: conditions as PostgreSQL decides them;
//! - `made`: conditions that look at other tables, which a policy must not see through policies;
//! - `grants`: which columns the role may name.

mod condition;
mod gate;
mod grants;
mod made;
mod policies;
mod principal;
mod rows;
mod script;
mod text;
mod value;

pub use script::{Script, script};
