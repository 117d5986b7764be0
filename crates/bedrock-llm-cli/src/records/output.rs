//! Where records go: standard output, or a file, which is new or continued.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value};

use super::file::RecordFile;
use super::form::{Form, Row};
use super::known::{self, Done};

/// What is to be written, and how it is known again.
pub(crate) struct Plan<'a> {
    /// `-` for standard output.
    pub(crate) path: &'a Path,
    pub(crate) form: Form,
    /// Whether a file that is there is continued.
    pub(crate) resume: bool,
    /// The names of all that a record may have, in order.
    pub(crate) names: &'a [&'static str],
    /// What stands before the names `file`, `line` and `hash` by which a record is known.
    pub(crate) prefix: &'a str,
    /// What an input file is called now that records call so.
    pub(crate) name_now: &'a dyn Fn(&str) -> anyhow::Result<String>,
    /// All that decides what the records are like, but for their names. A file is continued with the same alone.
    pub(crate) settings: Map<String, Value>,
}

/// An output.
pub(crate) struct Output {
    place: Place,
    form: Form,
}

enum Place {
    Standard,
    File(RecordFile),
}

impl Output {
    /// Begins an output, or takes up one where it ended.
    pub(crate) fn open(plan: &Plan<'_>) -> anyhow::Result<(Self, Done)> {
        let header = plan.form.header(plan.names)?;
        if plan.path == Path::new("-") {
            ensure!(!plan.resume, "--resume continues a file: name it with --output");
            let mut output = Self { place: Place::Standard, form: plan.form };
            output.bytes(&header)?;
            return Ok((output, Done::default()));
        }
        let mut file = RecordFile::open(plan.path)?;
        let settings = settings_path(file.path());
        let mut wanted = plan.settings.clone();
        wanted.insert("columns".to_owned(), plan.names.into());
        let mut done = Done::default();
        if file.length()? > 0 {
            let shown = plan.path.display();
            ensure!(plan.resume, "{shown} has content: continue it with --resume, or remove it");
            let refused = || format!("{shown} cannot be continued");
            compare(&settings, &wanted).with_context(refused)?;
            let before = known::read(&mut file, plan.form, plan.prefix)?;
            done = before.done.renamed(plan.name_now).with_context(refused)?;
            match before.kept.beginning() {
                Some(end) if end == file.length()? => {}
                Some(end) => file.cut(end)?,
                None => file.keep(&before.kept)?,
            }
            if before.lacks_end {
                file.append(b"\n")?;
            }
        } else {
            write_settings(&settings, &wanted)?;
        }
        if file.length()? == 0 {
            file.append(&header)?;
        }
        Ok((Self { place: Place::File(file), form: plan.form }, done))
    }

    /// Writes a record. It is in the system's hands when this returns.
    pub(crate) fn write(&mut self, row: &Row<'_>) -> anyhow::Result<()> {
        let bytes = self.form.write(row)?;
        self.bytes(&bytes)
    }

    fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        match &mut self.place {
            Place::Standard => {
                let mut out = io::stdout().lock();
                out.write_all(bytes)?;
                Ok(out.flush()?)
            }
            Place::File(file) => file.append(bytes),
        }
    }

    /// Has the disk keep what was written.
    pub(crate) fn finish(&self) -> anyhow::Result<()> {
        match &self.place {
            Place::Standard => Ok(()),
            Place::File(file) => file.sync(),
        }
    }
}

/// The file beside an output that says what it was made with.
pub(crate) fn settings_path(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".settings.json");
    name.into()
}

/// Writes it as a whole or not at all.
fn write_settings(path: &Path, settings: &Map<String, Value>) -> anyhow::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".tmp");
    let write = || -> anyhow::Result<()> {
        std::fs::write(&new, serde_json::to_vec_pretty(settings)?)?;
        Ok(std::fs::rename(&new, path)?)
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

fn compare(path: &Path, settings: &Map<String, Value>) -> anyhow::Result<()> {
    let shown = path.display();
    let text =
        std::fs::read(path).with_context(|| format!("what it was made with cannot be read from {shown}"))?;
    let before: Map<String, Value> =
        serde_json::from_slice(&text).with_context(|| format!("{shown} is no file of settings"))?;
    let names = settings.keys().chain(before.keys().filter(|name| !settings.contains_key(*name)));
    let mut differences = names.filter(|name| settings.get(*name) != before.get(*name)).map(|name| {
        let [now, then] = [settings, &before]
            .map(|settings| settings.get(name).map_or_else(|| "not set".to_owned(), Value::to_string));
        format!("{name} was {then} and is {now}")
    });
    let Some(first) = differences.next() else { return Ok(()) };
    let all = differences.fold(first, |all, next| format!("{all}, {next}"));
    bail!("it was made with other settings: {all}")
}

#[cfg(test)]
mod tests {
    use super::super::known::{Before, shown};
    use super::super::{Cell, hash};
    use super::*;

    const NAMES: &[&str] = &["line", "hash", "text", "rank", "of", "error", "embedding"];

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("bedrock-llm-output-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn open(&self, form: Form, resume: bool, model: &str) -> anyhow::Result<(Output, Done)> {
            let path = self.path();
            let settings = Map::from_iter([("model".to_owned(), model.into())]);
            Output::open(&Plan {
                path: &path,
                form,
                resume,
                names: NAMES,
                prefix: "",
                name_now: &|name| Ok(name.to_owned()),
                settings,
            })
        }

        fn path(&self) -> PathBuf {
            self.0.join("out")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn of(line: u64) -> u128 {
        hash(&line.to_le_bytes())
    }

    /// Three records for line 1, an error for line 2, one record for each other.
    fn rows(line: u64) -> Vec<Vec<(&'static str, Cell<'static>)>> {
        let row = |rank: Option<u64>, error, embedding| {
            vec![
                ("line", Cell::Number(line)),
                ("hash", Cell::text(shown(of(line)))),
                ("text", Cell::text("two \"lines\"\nof, text\n")),
                ("rank", Cell::of(rank, Cell::Number)),
                ("of", Cell::of(rank, |_| Cell::Number(3))),
                ("error", error),
                ("embedding", embedding),
            ]
        };
        match line {
            1 => (1..=3).map(|rank| row(Some(rank), Cell::Empty, Cell::Json("[1,-0.25]"))).collect(),
            2 => vec![row(None, Cell::Json("{\"kind\":\"throttled\"}"), Cell::Empty)],
            _ => vec![row(None, Cell::Empty, Cell::Json("[1,-0.25]"))],
        }
    }

    fn write(output: &mut Output, lines: impl Iterator<Item = u64>) {
        for row in lines.flat_map(rows) {
            output.write(&row).unwrap();
        }
    }

    #[test]
    fn wherever_writing_was_cut_off_it_goes_on() {
        for form in [Form::Jsonl, Form::Csv] {
            let folder = Folder::new("cut");
            let (mut output, done) = folder.open(form, false, "m").unwrap();
            assert_eq!(done.len(), 0);
            write(&mut output, 1..=4);
            drop(output);
            let whole = std::fs::read(folder.path()).unwrap();
            // without the failure, which is tried again
            let (mut output, done) = folder.open(form, true, "m").unwrap();
            assert_eq!(done.len(), 3);
            write(&mut output, [5].into_iter());
            drop(output);
            let expected = std::fs::read(folder.path()).unwrap();
            let mut most = 0;
            for cut in 0..=whole.len() {
                std::fs::write(folder.path(), &whole[..cut]).unwrap();
                let (mut output, done) = folder.open(form, true, "m").unwrap();
                assert!(done.len() >= most, "{cut}");
                most = done.len();
                let missing =
                    [1, 3, 4, 5].into_iter().filter(|line| done.what_of("", *line, of(*line)) == Before::Not);
                write(&mut output, missing);
                drop(output);
                let text = String::from_utf8(std::fs::read(folder.path()).unwrap()).unwrap();
                assert_eq!(text, String::from_utf8_lossy(&expected), "{form:?} {cut}");
            }
            assert_eq!(most, 3);
        }
    }

    #[test]
    fn a_changed_line_is_known_as_one() {
        let folder = Folder::new("changed");
        let (mut output, _) = folder.open(Form::Jsonl, true, "m").unwrap();
        write(&mut output, [3].into_iter());
        drop(output);
        let (_, done) = folder.open(Form::Jsonl, true, "m").unwrap();
        assert_eq!(done.what_of("", 3, of(3)), Before::Done);
        assert_eq!(done.what_of("", 3, of(4)), Before::Other);
        assert_eq!(done.what_of("", 4, of(4)), Before::Not);
        assert_eq!(done.what_of("other", 3, of(3)), Before::Not);
    }

    #[test]
    fn only_what_was_made_alike_is_continued() {
        let folder = Folder::new("settings");
        let (mut output, _) = folder.open(Form::Jsonl, false, "m").unwrap();
        write(&mut output, [3].into_iter());
        drop(output);
        let refused = |form, resume, model| format!("{:#}", folder.open(form, resume, model).err().unwrap());
        assert!(refused(Form::Jsonl, false, "m").contains("--resume"));
        assert!(refused(Form::Jsonl, true, "n").contains("model was \"m\" and is \"n\""));
        let held = folder.open(Form::Jsonl, true, "m").unwrap();
        assert!(refused(Form::Jsonl, true, "m").contains("another process"));
        drop(held);
        std::fs::write(folder.path(), "my notes\n").unwrap();
        assert!(refused(Form::Jsonl, true, "m").contains("another file"));
        assert_eq!(std::fs::read(folder.path()).unwrap(), b"my notes\n");
        std::fs::remove_file(settings_path(&folder.path().canonicalize().unwrap())).unwrap();
        assert!(refused(Form::Jsonl, true, "m").contains("what it was made with"));
    }
}
