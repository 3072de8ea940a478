//! The nearest name: "did you mean …".

/// The candidate nearest to `name` by edit distance, when it is near enough to be meant; of several the first.
///
/// The candidates may be all functions of a kernel: most are given up by their letters alone.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = Wanted::of(name);
    let mut limit = (wanted.chars.len() / 3).max(1);
    let mut rows = Rows::default();
    let mut best = None;
    for candidate in candidates {
        if candidate == name || wanted.least(candidate, limit) > limit {
            continue;
        }
        let edits = rows.distance(&wanted.chars, candidate, limit);
        if edits <= limit {
            best = Some(candidate);
            limit = edits - 1;
        }
        if limit == 0 {
            break;
        }
    }
    best
}

/// What is compared with every candidate.
struct Wanted {
    chars: Vec<char>,
    letters: [i16; LETTERS],
}

/// How many kinds of bytes are told apart.
const LETTERS: usize = 32;

impl Wanted {
    fn of(name: &str) -> Wanted {
        let mut letters = [0; LETTERS];
        name.bytes().for_each(|byte| letters[usize::from(byte) % LETTERS] += 1);
        Wanted { chars: name.chars().collect(), letters }
    }

    /// No more edits than it takes to make `candidate` of the name, by the letters that each has more of. Texts that
    /// are not ASCII count as near, and so do those whose lengths alone tell enough.
    fn least(&self, candidate: &str, limit: usize) -> usize {
        if !candidate.is_ascii() || !self.chars.iter().all(char::is_ascii) {
            return 0;
        }
        let apart = self.chars.len().abs_diff(candidate.len());
        if apart > limit {
            return apart;
        }
        let mut letters = self.letters;
        candidate.bytes().for_each(|byte| letters[usize::from(byte) % LETTERS] -= 1);
        let (more, fewer) = letters.iter().fold((0i16, 0i16), |(more, fewer), &n| match n {
            0.. => (more + n, fewer),
            _ => (more, fewer - n),
        });
        usize::from(more.max(fewer).unsigned_abs())
    }
}

/// The three rows of the table that the distance is worked out in.
#[derive(Default)]
struct Rows {
    before: Vec<usize>,
    last: Vec<usize>,
    next: Vec<usize>,
    chars: Vec<char>,
}

impl Rows {
    /// Edits (insert, delete, replace, swap of neighbours) from `a` to `b`; anything above `limit` when more.
    fn distance(&mut self, a: &[char], b: &str, limit: usize) -> usize {
        self.chars.clear();
        self.chars.extend(b.chars());
        let b = &self.chars;
        if a.len().abs_diff(b.len()) > limit {
            return limit + 1;
        }
        self.last.clear();
        self.last.extend(0..=b.len());
        for row in [&mut self.before, &mut self.next] {
            row.clear();
            row.resize(b.len() + 1, 0);
        }
        for i in 1..=a.len() {
            let (row, last) = (&mut self.next, &self.last);
            row[0] = i;
            for j in 1..=b.len() {
                let replace = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
                row[j] = replace.min(last[j] + 1).min(row[j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    row[j] = row[j].min(self.before[j - 2] + 1);
                }
            }
            // a swap reaches back over one row, no further
            if row.iter().chain(last).all(|&edits| edits > limit) {
                return limit + 1;
            }
            std::mem::swap(&mut self.before, &mut self.last);
            std::mem::swap(&mut self.last, &mut self.next);
        }
        self.last[b.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_typos_and_refuses_strangers() {
        let names = ["printf", "print", "count", "kprobe", "tracepoint"];
        assert_eq!(nearest("pritnf", names), Some("printf"));
        assert_eq!(nearest("cuont", names), Some("count"));
        assert_eq!(nearest("tracepont", names), Some("tracepoint"));
        assert_eq!(nearest("zzz", names), None);
        assert_eq!(nearest("naïvely", ["naively", "naïvly"]), Some("naively"));
        assert_eq!(nearest("kprobe", ["kprobe", "kprobes", "krobe"]), Some("kprobes"));
    }

    /// What gives up early finds what a comparison with everything finds.
    #[test]
    fn nothing_near_is_given_up() {
        let alphabet = ["a", "b", "ab", "_", "ba", "aab", "c"];
        let word = |mut n: usize| {
            let mut text = String::new();
            while n > 0 {
                text += alphabet[n % alphabet.len()];
                n /= alphabet.len();
            }
            text
        };
        let words: Vec<String> = (0..400).map(|n| word(n * 37)).collect();
        for name in &words {
            let limit = (name.chars().count() / 3).max(1);
            let chars: Vec<char> = name.chars().collect();
            let far = |word: &str| super::Rows::default().distance(&chars, word, usize::MAX - 1);
            let all = words.iter().filter(|word| *word != name).map(|word| (far(word), word));
            let best = all.filter(|(edits, _)| *edits <= limit).min_by_key(|(edits, _)| *edits);
            assert_eq!(nearest(name, words.iter().map(String::as_str)), best.map(|(_, word)| word.as_str()));
        }
    }
}
