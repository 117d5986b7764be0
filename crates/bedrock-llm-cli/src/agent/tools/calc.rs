//! The tool `calc`: a calculator with exact numbers and units.

use std::time::{Duration, Instant};

use bedrock_llm_agent::{Tool, ToolError, tool_fn_blocking};
use fend_core::{Interrupt, evaluate_with_interrupt};

/// The most bytes of an expression, and of its result.
const LONGEST: usize = 500;

/// What no expression has: assignments and functions of its own, which could call themselves without end.
const REFUSED: [char; 5] = ['=', ':', ';', '\\', '\n'];

/// Room for the deepest expression there can be: the evaluator goes down a level for every bracket and sign.
const STACK: usize = 64 * 1024 * 1024;

/// How long a sum may take: there are short ones with no end, such as towers of powers.
const TIME: Duration = Duration::from_secs(1);

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Sum {
    /// What to calculate, such as `12 * (3 + 4)`, `2^64`, `sqrt(2)`, `15% of 80` or `5 km to miles`.
    expression: String,
}

pub(super) fn tool() -> impl Tool {
    let about = "Calculates: arithmetic with exact fractions, powers, roots, percentages, units. \
                 Results that are rounded begin with `approx.`.";
    tool_fn_blocking("calc", about, |sum: Sum, _| calculate(&sum.expression))
}

/// Is over when its time is.
struct Until(Instant);

impl Interrupt for Until {
    fn should_interrupt(&self) -> bool {
        Instant::now() >= self.0
    }
}

fn calculate(expression: &str) -> Result<String, ToolError> {
    if expression.len() > LONGEST {
        let told = format!("the expression has {} bytes; at most {LONGEST} are taken", expression.len());
        return Err(ToolError::permanent(told));
    }
    if let Some(c) = expression.trim().chars().find(|c| REFUSED.contains(c)) {
        return Err(ToolError::permanent(format!(
            "{c:?} is not taken: give one expression, without names of your own"
        )));
    }
    let expression = expression.to_owned();
    // the pages that are not used cost nothing
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(move || evaluate(&expression));
    let thread = thread.map_err(ToolError::from_error)?;
    thread.join().unwrap_or_else(|_| Err(ToolError::permanent("the calculator failed on it")))
}

fn evaluate(expression: &str) -> Result<String, ToolError> {
    let mut context = fend_core::Context::new();
    context.disable_rng();
    let end = Until(Instant::now() + TIME);
    let result = evaluate_with_interrupt(expression, &mut context, &end).map_err(|error| {
        let late = || format!("it takes longer than {TIME:?}");
        ToolError::permanent(if end.should_interrupt() { late() } else { error })
    })?;
    match result.get_main_result() {
        "" => Err(ToolError::permanent("there is nothing to calculate")),
        long if long.len() > LONGEST => {
            Err(ToolError::permanent(format!("the result has {} characters", long.len())))
        }
        result => Ok(result.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_and_rounded_ones_say_so() {
        for (expression, result) in [
            ("12 * 7", "84"),
            ("12 × 7", "84"),
            ("0.1 + 0.2", "0.3"),
            ("2^64", "18446744073709551616"),
            ("(1/3) * 3", "1"),
            ("15% of 80", "12"),
            ("1 km to m", "1000 m"),
        ] {
            assert_eq!(calculate(expression).unwrap(), result, "{expression}");
        }
        assert!(calculate("sqrt(2)").unwrap().starts_with("approx. 1.414"));
    }

    #[test]
    fn what_is_no_sum_is_told() {
        for expression in ["", "1 / 0", "one apple", "2 +", "roll d6"] {
            let error = calculate(expression).unwrap_err();
            assert!(!error.is_retryable(), "{expression}: {error}");
        }
    }

    #[test]
    fn no_sum_is_too_large() {
        let nested = format!("{}1{}", "(".repeat(249), ")".repeat(249));
        assert_eq!(calculate(&nested).unwrap(), "1");
        for deep in ["-", "+", "!", "(", "1^", "1/(", "-(", "sqrt ", "sqrt(", "1 to ", "1!", "not "] {
            let expression = format!("{}1", deep.repeat(499 / deep.len()));
            let _ = calculate(&expression); // whatever it is, the process lives on
        }
        for expression in [&"9".repeat(501), "10^5000", "9^9^9^9", "f = x: f x; f 1", "(\\x. x x) (\\x. x x)"]
        {
            assert!(calculate(expression).is_err(), "{expression}");
        }
    }
}
