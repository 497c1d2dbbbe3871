//! Trying again what another change was in the way of.

use std::time::Duration;

use ormai_core::error::{Error, ErrorCode};

/// How often, and with which pauses, a write or a transaction is made again after a deadlock or
/// a serialisation failure. Nothing of the failed try is left by then.
///
/// The pause doubles with each try, and differs from call to call by up to its half, so that
/// those who met do not meet again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    tries: u32,
    pause: Duration,
}

/// Nothing is tried again.
impl Default for Retry {
    fn default() -> Self {
        Self { tries: 1, pause: Duration::from_millis(10) }
    }
}

impl Retry {
    /// At most this many tries, the first counted; the pauses begin with 10 ms.
    pub fn times(tries: u32) -> Self {
        Self { tries: tries.max(1), ..Self::default() }
    }

    /// The pause before the second try.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// How long to wait before another try; `None` when this one was the last. `chance` is any
    /// number.
    pub(crate) fn again(self, tried: u32, error: &Error, chance: u64) -> Option<Duration> {
        /// Pauses grow no longer than this many times the first.
        const MOST: u32 = 64;
        if tried >= self.tries || error.code != ErrorCode::Conflict || !error.retryable {
            return None;
        }
        let pause = self.pause.saturating_mul(1_u32.checked_shl(tried.saturating_sub(1)).unwrap_or(MOST).min(MOST));
        let part = u32::try_from(chance % 512).unwrap_or(0);
        Some(pause.saturating_sub(pause.saturating_mul(part) / 1024))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_the_way() -> Error {
        let mut error = Error::new(ErrorCode::Conflict, "another change is in the way");
        error.retryable = true;
        error
    }

    #[test]
    fn nothing_is_tried_again_unless_asked_for() {
        assert_eq!(Retry::default().again(1, &in_the_way(), 0), None);
    }

    #[test]
    fn only_what_another_change_was_in_the_way_of_is_tried_again() {
        let retry = Retry::times(3);
        assert!(retry.again(1, &in_the_way(), 0).is_some());
        assert_eq!(retry.again(1, &Error::new(ErrorCode::Conflict, "taken"), 0), None);
        let mut unavailable = Error::new(ErrorCode::DatabaseUnavailable, "gone");
        unavailable.retryable = true;
        assert_eq!(retry.again(1, &unavailable, 0), None);
    }

    #[test]
    fn pauses_double_to_a_bound_and_differ_by_up_to_their_half() {
        let retry = Retry::times(100).pause(Duration::from_millis(8));
        let pause = |tried, chance| retry.again(tried, &in_the_way(), chance).unwrap().as_micros();
        assert_eq!([1, 2, 3, 50].map(|tried| pause(tried, 0)), [8_000, 16_000, 32_000, 512_000]);
        assert!((0..2_000).all(|chance| (4_000..=8_000).contains(&pause(1, chance))));
        assert_eq!(retry.again(100, &in_the_way(), 0), None);
    }
}
