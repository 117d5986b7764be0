//! The tools `list_files`, `read_file` and `write_file`: text files below one folder, and nothing beside it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use bedrock_llm_agent::{ToolError, ToolExt as _, ToolRegistry, tool_fn_blocking};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use serde_json::{Value, json};

/// The tool that is asked about first.
pub(super) const WRITE: &str = "write_file";

/// The most bytes of a file that is read or written: what a model can be told in one go.
const LARGEST: u64 = 256 * 1024;

/// The most entries of a folder that are told.
const MOST_ENTRIES: usize = 500;

const GROUP: &str = "files";

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Folder {
    /// Path of the folder; without it the topmost one there is.
    path: Option<String>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct File {
    /// Path of the file, such as `notes/today.txt`.
    path: String,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Text {
    /// Path of the file, such as `notes/today.txt`. Folders that are missing are made.
    path: String,
    /// The whole text that the file is to have.
    content: String,
}

/// Adds the tools for the files below a folder. Links and `..` that lead out of it are refused by the way files are
/// opened there, not by looking at names.
pub(super) fn add_to(tools: &mut ToolRegistry, root: &Path) -> anyhow::Result<()> {
    let dir = Dir::open_ambient_dir(root, ambient_authority())
        .with_context(|| format!("--root {} cannot be opened", root.display()))?;
    let dir = Arc::new(dir);
    let of = || Arc::clone(&dir);
    let at = of();
    let list = move |folder: Folder, _| list(&at, folder.path.as_deref().unwrap_or("."));
    tools.add(tool_fn_blocking("list_files", "Lists a folder's files and folders.", list).group(GROUP))?;
    let at = of();
    let read = move |file: File, _| read(&at, &file.path);
    tools.add(tool_fn_blocking("read_file", "Reads a text file.", read).group(GROUP))?;
    let at = of();
    let write = move |text: Text, _| write(&at, &text.path, &text.content);
    let tool = tool_fn_blocking(WRITE, "Writes a text file, in the place of one that is there.", write);
    tools.add(tool.group(GROUP).idempotent(false))?;
    Ok(())
}

fn list(root: &Dir, path: &str) -> Result<Value, ToolError> {
    let failed = |error| explain(path, &error);
    let mut entries = Vec::new();
    for entry in root.read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let metadata = entry.metadata().map_err(failed)?;
        entries.push(if metadata.is_dir() {
            json!({"folder": name})
        } else {
            json!({"file": name, "bytes": metadata.len()})
        });
    }
    entries.sort_by_cached_key(ToString::to_string);
    let left_out = entries.len().saturating_sub(MOST_ENTRIES);
    entries.truncate(MOST_ENTRIES);
    let mut told = json!({"entries": entries});
    if left_out > 0 {
        told["left_out"] = json!(left_out);
    }
    Ok(told)
}

fn read(root: &Dir, path: &str) -> Result<String, ToolError> {
    let failed = |error| explain(path, &error);
    // before it is opened: opening a pipe waits for a writer
    if !root.metadata(path).map_err(failed)?.is_file() {
        return Err(ToolError::permanent(format!("`{path}` is no file")));
    }
    let mut bytes = Vec::new();
    root.open(path).map_err(failed)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(ToolError::permanent(format!("`{path}` has more than {LARGEST} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| ToolError::permanent(format!("`{path}` is no text in UTF-8")))
}

fn write(root: &Dir, path: &str, content: &str) -> Result<String, ToolError> {
    let failed = |error| explain(path, &error);
    if content.len() as u64 > LARGEST {
        let told = format!("the text has {} bytes; at most {LARGEST} are written", content.len());
        return Err(ToolError::permanent(told));
    }
    let is_special = root.metadata(path).is_ok_and(|metadata| !metadata.is_file());
    if is_special || path.ends_with('/') {
        return Err(ToolError::permanent(format!("`{path}` is no file")));
    }
    if let Some(folder) = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty()) {
        root.create_dir_all(folder).map_err(failed)?;
    }
    root.create(path).and_then(|mut file| file.write_all(content.as_bytes())).map_err(failed)?;
    Ok(format!("{} bytes were written to {path}", content.len()))
}

fn explain(path: &str, error: &std::io::Error) -> ToolError {
    ToolError::permanent(match error.kind() {
        ErrorKind::NotFound => format!("there is no `{path}`"),
        _ => format!("`{path}` cannot be used: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::call;
    use super::*;

    fn tools() -> (tempfile::TempDir, ToolRegistry) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(folder.path().join("secret.txt"), "secret").unwrap();
        let mut tools = ToolRegistry::new();
        add_to(&mut tools, &root).unwrap();
        (folder, tools)
    }

    #[tokio::test]
    async fn what_is_written_is_listed_and_read() {
        let (folder, tools) = tools();
        let (failed, told) =
            call(&tools, "write_file", json!({"path": "notes/today.txt", "content": "Grüße"})).await;
        assert!(!failed && told.contains("7 bytes"), "{told}");
        assert_eq!(std::fs::read(folder.path().join("root/notes/today.txt")).unwrap(), "Grüße".as_bytes());
        let (_, told) = call(&tools, "list_files", json!({})).await;
        assert!(told.contains(r#"{"folder":"notes"}"#), "{told}");
        let (_, told) = call(&tools, "list_files", json!({"path": "notes"})).await;
        assert!(told.contains(r#"{"file":"today.txt","bytes":7}"#), "{told}");
        let (_, told) = call(&tools, "read_file", json!({"path": "./notes/../notes/today.txt"})).await;
        assert!(told.contains("Grüße"), "{told}");
    }

    #[tokio::test]
    async fn no_path_leads_out() {
        let (folder, tools) = tools();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../secret.txt", folder.path().join("root/link.txt")).unwrap();
            std::os::unix::fs::symlink("..", folder.path().join("root/up")).unwrap();
        }
        let outside = folder.path().join("secret.txt");
        for path in
            ["../secret.txt", "link.txt", "up/secret.txt", "a/../../secret.txt", outside.to_str().unwrap()]
        {
            let (failed, told) = call(&tools, "read_file", json!({"path": path})).await;
            assert!(failed && !told.contains("\"secret"), "{path}: {told}");
            let (failed, _) = call(&tools, "write_file", json!({"path": path, "content": "x"})).await;
            assert!(failed, "{path}");
        }
        for path in ["..", "up", "/"] {
            assert!(call(&tools, "list_files", json!({"path": path})).await.0, "{path}");
        }
        assert_eq!(std::fs::read(&outside).unwrap(), b"secret");
    }

    #[tokio::test]
    async fn what_is_no_small_text_file_is_refused() {
        let (folder, tools) = tools();
        let root = folder.path().join("root");
        std::fs::write(root.join("large"), vec![b'x'; 300_000]).unwrap();
        std::fs::write(root.join("binary"), [0xff, 0xfe]).unwrap();
        for (path, wanted) in
            [("large", "more than"), ("binary", "no text"), (".", "no file"), ("nothing", "there is no")]
        {
            let (failed, told) = call(&tools, "read_file", json!({"path": path})).await;
            assert!(failed && told.contains(wanted), "{path}: {told}");
        }
        for (path, content) in
            [("new", "x".repeat(300_000)), (".", "x".into()), ("new/", "x".into()), ("", "x".into())]
        {
            let (failed, told) = call(&tools, "write_file", json!({"path": path, "content": content})).await;
            assert!(failed, "{path}: {told}");
        }
        assert!(!root.join("new").exists());
        assert!(add_to(&mut ToolRegistry::new(), &root.join("nothing")).is_err());
    }
}
