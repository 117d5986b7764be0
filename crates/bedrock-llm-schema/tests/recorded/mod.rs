//! The recorded exchanges with the real service, which lie outside the repository.

use std::path::PathBuf;

use serde_json::Value;

/// Each with its file's name; none, and a word about it, where the recordings are missing.
pub(crate) fn recordings(operation: &str) -> Vec<(String, Value)> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/recordings");
    let root =
        std::env::var_os("BEDROCK_LLM_RECORDINGS").map_or_else(|| PathBuf::from(default), PathBuf::from);
    let Ok(folder) = std::fs::read_dir(root.join(operation)) else {
        println!("skipped: no recordings at {}", root.join(operation).display());
        return Vec::new();
    };
    let files =
        folder.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "json"));
    files
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path.display().to_string(), serde_json::from_str(&text).unwrap())
        })
        .collect()
}
