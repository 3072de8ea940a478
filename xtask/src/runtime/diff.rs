//! What is different between expected and real output, aligned so that lines that fit stand side by side.

use super::pattern::{Block, Line, Names, trimmed};

/// More lines than these are not aligned and not shown.
const MOST: usize = 300;

/// A text with `  ` before lines that fit, `- ` before expected ones that did not come, `+ ` before unexpected ones.
pub fn diff(expected: &Block, text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let all = trimmed(&lines);
    let lines = &all[..all.len().min(MOST)];
    let expected = &expected.lines[..expected.lines.len().min(MOST)];
    let fits = fitting(expected, lines);
    let kept = longest(&fits, expected.len(), lines.len());
    let mut out = String::new();
    let (mut e, mut l) = (0, 0);
    while e < expected.len() || l < lines.len() {
        if e < expected.len() && l < lines.len() && fits[e][l] {
            out += &format!("  {}\n", lines[l]);
            (e, l) = (e + 1, l + 1);
        } else if l >= lines.len() || (e < expected.len() && kept[e + 1][l] >= kept[e][l + 1]) {
            let mark = if expected[e] == Line::Many { "  " } else { "- " };
            out += &format!("{mark}{}\n", expected[e].source());
            e += 1;
        } else {
            out += &format!("+ {}\n", lines[l]);
            l += 1;
        }
    }
    if all.len() > lines.len() {
        out += &format!("  … {} more lines\n", all.len() - lines.len());
    }
    out
}

/// Which expected line fits which real one. Names are not known here: a line that depends on one fits nothing.
fn fitting(expected: &[Line], lines: &[&str]) -> Vec<Vec<bool>> {
    let fits = |line: &Line, text: &&str| line.matches(text, &mut Names::new());
    expected.iter().map(|line| lines.iter().map(|text| fits(line, text)).collect()).collect()
}

/// The length of the longest common run from each pair of places on.
fn longest(fits: &[Vec<bool>], rows: usize, columns: usize) -> Vec<Vec<usize>> {
    let mut best = vec![vec![0; columns + 1]; rows + 1];
    for e in (0..rows).rev() {
        for l in (0..columns).rev() {
            best[e][l] = if fits[e][l] { best[e + 1][l + 1] + 1 } else { best[e + 1][l].max(best[e][l + 1]) };
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fitting_lines_stand_side_by_side() {
        let expected = Block::parse(&["start", "@a: {int}", "@b: {int>5}", "end"]).expect("well formed");
        let shown = diff(&expected, "start\n@a: 1\n@b: 3\nmore\nend\n");
        assert_eq!(shown, "  start\n  @a: 1\n- @b: {int>5}\n+ @b: 3\n+ more\n  end\n");
    }

    #[test]
    fn missing_output_is_all_minus() {
        let expected = Block::parse(&["a", "{lines}", "b"]).expect("well formed");
        assert_eq!(diff(&expected, ""), "- a\n  {lines}\n- b\n");
    }
}
