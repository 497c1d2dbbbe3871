//! Making plans: slots and buckets.
