//! "Did you mean": the nearest known word to one that is not known.

/// The word among `known` that is nearest to `word`, when it is near enough to be a slip.
///
/// Nearness is the Damerau–Levenshtein distance without regard to ASCII case,
/// at most a third of the word's length (and at least one edit).
///
/// ```
/// use ormai_core::suggest::nearest;
/// assert_eq!(nearest("tennant_id", ["tenant_id", "id"]), Some("tenant_id"));
/// assert_eq!(nearest("zebra", ["tenant_id", "id"]), None);
/// ```
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A word that long is not a slip of a name, and the distance is quadratic.
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    let allowed = (lower.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_ascii_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// A help sentence naming the nearest known word, or else the known words.
pub fn help<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(near) = nearest(word, known.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let mut names: Vec<&str> = known.into_iter().collect();
    names.sort_unstable();
    names.dedup();
    const SHOWN: usize = 20;
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    match (names.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(format!("known: {}", names.join(", "))),
        (false, more) => Some(format!("known: {} and {more} more", names.join(", "))),
    }
}
