//! The fault plan: every kind of fault, each as often as the others, a third of all requests in sum.

use bedrock_llm_local::FaultPlan;

/// Each fault in TOML. Frames are counted from 0.
const FAULTS: &[&str] = &[
    r#"exception = { name = "ThrottlingException" }"#,
    r#"exception = { name = "ThrottlingException", retry_after = 1 }"#,
    r#"exception = { name = "InternalServerException" }"#,
    r#"exception = { name = "ServiceUnavailableException" }"#,
    r#"exception = { name = "ModelTimeoutException" }"#,
    r#"exception = { name = "ModelErrorException" }"#,
    r#"exception = { name = "ModelNotReadyException" }"#,
    r#"exception = { name = "AccessDeniedException" }"#,
    "status = 500",
    "status = 502",
    "status = 503",
    "status = 504",
    r#"slow_headers = { min = "10ms", max = "300ms" }"#,
    "hang_up = {}",
    "reset_before_headers = {}",
    "reset_after_headers = {}",
    "stall_before_headers = {}",
    "stall_after = 3",
    "cut_after = 0",
    "cut_after = 4",
    "cut_inside = 0",
    "cut_inside = 3",
    "corrupt_after = 0",
    "corrupt_after = 3",
    r#"exception_after = { frames = 0, name = "ThrottlingException" }"#,
    r#"exception_after = { frames = 3, name = "ModelStreamErrorException" }"#,
    "garbage_json_after = 2",
    "truncated_json_after = 2",
    r#"content_type = "text/html""#,
    r#"content_type = "application/json""#,
];

/// The share of requests that are faulty.
const SHARE: f64 = 1.0 / 3.0;

/// The kinds that the plan has, as the endpoint counts them.
pub(crate) fn kinds() -> impl Iterator<Item = &'static str> {
    FAULTS.iter().filter_map(|fault| fault.split(' ').next()).chain(["latency"])
}

pub(crate) fn plan(seed: u64) -> anyhow::Result<FaultPlan> {
    let each = SHARE / (FAULTS.len() + 1) as f64;
    let mut text = format!("seed = {seed}\n");
    // late and otherwise well; a latency alone lets later rules see the request
    text.push_str(&format!(
        "[[rules]]\nlatency = {{ p50 = \"20ms\", p99 = \"600ms\" }}\nprobability = {each}\n"
    ));
    for (place, fault) in FAULTS.iter().enumerate() {
        // of the requests that no rule before took, so that each has the same share of all
        let probability = each / (1.0 - each * place as f64);
        let fault = match fault.strip_suffix(" = {}") {
            Some(name) => format!("fault = {name:?}"),
            None => format!("fault.{fault}"),
        };
        text.push_str(&format!("[[rules]]\nprobability = {probability}\n{fault}\n"));
    }
    Ok(FaultPlan::from_toml_str(&text)?)
}
