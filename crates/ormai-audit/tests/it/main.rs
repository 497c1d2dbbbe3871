//! The audit trail, from records to lines.



mod trail;
