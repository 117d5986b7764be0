//! Counting and simple sums.

const NAMES: &[&str] = &[
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
];

/// How far the responder counts.
const FAR: i64 = 500;

/// The answer to `count from 1 to 5` or `what is 2 + 3`.
pub(super) fn answer(asked: &str) -> Option<String> {
    counted(asked).or_else(|| sum(asked))
}

fn counted(asked: &str) -> Option<String> {
    let lower = asked.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let count = words.iter().position(|word| *word == "count")?;
    let mut numbers = words.get(count..)?.iter().filter_map(|word| number(word));
    let first = numbers.next()?;
    let (from, to) = numbers.next().map_or((1, first), |second| (first, second));
    let steps: Vec<String> = match from <= to {
        true => (from..=to.min(from + FAR)).map(|n| n.to_string()).collect(),
        false => (to.max(from - FAR)..=from).rev().map(|n| n.to_string()).collect(),
    };
    Some(format!("{}.", steps.join(", ")))
}

fn number(word: &str) -> Option<i64> {
    let named = NAMES.iter().position(|name| *name == word).and_then(|place| i64::try_from(place).ok());
    named.or_else(|| word.parse::<i32>().ok().map(i64::from))
}

/// Two whole numbers and what stands between them.
fn sum(asked: &str) -> Option<String> {
    let lower = asked.to_lowercase().replace("what's", "what is");
    let text = lower.trim().trim_end_matches(['?', '.', '=', ' ']);
    let starts = ["what is ", "how much is ", "calculate ", "compute ", ""];
    let text = starts.iter().find_map(|start| text.strip_prefix(start))?;
    let spelt =
        text.replace("plus", "+").replace("minus", "-").replace("times", "*").replace("divided by", "/");
    let (at, _) = spelt.char_indices().skip(1).find(|(_, c)| "+-*/×÷".contains(*c))?;
    let (left, rest) = spelt.split_at(at);
    let mut rest = rest.chars();
    let sign = rest.next()?;
    let (left, right): (i64, i64) = (number(left.trim())?, number(rest.as_str().trim())?);
    let result = match sign {
        '+' => left.checked_add(right)?,
        '-' => left.checked_sub(right)?,
        '*' | '×' => left.checked_mul(right)?,
        _ if right != 0 && left % right == 0 => left.checked_div(right)?,
        _ => return None,
    };
    Some(format!("{left} {sign} {right} = {result}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_adds() {
        assert_eq!(answer("Count from one to five."), Some("1, 2, 3, 4, 5.".into()));
        assert_eq!(answer("Please count to 3"), Some("1, 2, 3.".into()));
        assert_eq!(answer("What is 12 * 4?"), Some("12 * 4 = 48".into()));
        assert_eq!(answer("what's two plus 3?"), Some("2 + 3 = 5".into()));
        for none in ["What is 1/0?", "7 / 2", "a-b", "How are you?", "count me in", "-", "1 + 99999999999"] {
            assert_eq!(answer(none), None, "{none}");
        }
    }
}
