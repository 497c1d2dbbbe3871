//! What callers wrote, for a terminal and for one line.

/// The text with what would steer a terminal, or turn what follows, spelled out.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for char in text.chars() {
        let is_invisible =
            matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if char.is_control() || is_invisible {
            plain.extend(char.escape_default());
        } else {
            plain.push(char);
        }
    }
    plain
}
