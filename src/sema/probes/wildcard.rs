//! `*` in attach points: any text, also none.

/// True when the text holds a wildcard.
pub(in crate::sema) fn is_pattern(text: &str) -> bool {
    text.contains('*')
}

/// True when `text` is what `pattern` describes. Linear in both but for contrived patterns: the last `*` is the only
/// one that is ever taken back.
pub(in crate::sema) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((star_p, star_t)) = star {
            star = Some((star_p, star_t + 1));
            (p, t) = (star_p + 1, star_t + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_any_text() {
        assert!(matches("*", "") && matches("vfs_*", "vfs_") && matches("*read*", "vfs_readv"));
        assert!(matches("a*b*c", "axxbyyc") && matches("*aab", "aaab") && matches("vfs_read", "vfs_read"));
        assert!(!matches("vfs_*", "xvfs_") && !matches("a*b", "ac") && !matches("", "a"));
    }
}
