//! Texts from files or standard input: lines, members of JSON Lines, columns of CSV, or whole files.

mod read;

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value};
use tokio::sync::mpsc::{Receiver, channel};

/// Where texts come from, and in what form.
#[derive(clap::Args, Debug, Clone, Default)]
pub(crate) struct Source {
    /// Files of texts, one a line; `.jsonl` and `.csv` files give their member or column `text` [default: standard input,
    /// as does -]
    files: Vec<PathBuf>,
    /// The input is JSON Lines, and this member of each is the text; a JSON pointer where it begins with /
    #[arg(long, value_name = "NAME", conflicts_with_all = ["column", "whole"])]
    field: Option<String>,
    /// The input is CSV under a line of names, and this column is the text
    #[arg(long, value_name = "NAME", conflicts_with = "whole")]
    column: Option<String>,
    /// The member or column that is kept as each record's id; plain lines have none [default: `id`, where there is one]
    #[arg(long, value_name = "NAME", conflicts_with = "whole")]
    id_field: Option<String>,
    /// Each file is one text
    #[arg(long, requires = "files")]
    whole: bool,
}

/// One text with the place where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) place: Place,
    pub(crate) id: Option<Value>,
    /// The text; or an object where whole objects are read; or why there is none.
    pub(crate) content: Result<Content, String>,
}

/// Where a text stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    /// The file, as it was named; none of standard input.
    pub(crate) file: Option<Arc<str>>,
    /// The number of the line where it begins, from 1; 0 for a whole file.
    pub(crate) line: u64,
}

impl Place {
    pub(crate) fn line(&self) -> Option<u64> {
        (self.line > 0).then_some(self.line)
    }

    pub(crate) fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), 0) => f.write_str(file),
            (Some(file), line) => write!(f, "{file}, line {line}"),
            (None, line) => write!(f, "line {line}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Text(String),
    Object(Map<String, Value>),
}

/// What is looked for where no member or column is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Lines, or members and columns `text`.
    Texts,
    /// Lines, or members and columns `query`.
    Queries,
    /// The objects of JSON Lines as they are.
    Objects,
}

impl Wanted {
    fn name(self) -> &'static str {
        match self {
            Self::Texts | Self::Objects => "text",
            Self::Queries => "query",
        }
    }
}

/// How one file is read.
#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Lines,
    /// The text is a member of the line's object.
    Member(String),
    /// The line's object as a whole.
    Objects,
    Column(String),
    Whole,
}

/// A file, or standard input.
#[derive(Debug, Clone)]
struct Part {
    path: PathBuf,
    /// As records name it.
    name: Option<Arc<str>>,
    shape: Shape,
}

/// All that is to be read.
#[derive(Debug, Clone)]
pub(crate) struct Texts {
    parts: Vec<Part>,
    id_field: Option<String>,
}

impl Source {
    /// One file, in the form that its name tells.
    pub(crate) fn file(path: &Path) -> Self {
        Self { files: vec![path.to_owned()], ..Self::default() }
    }

    /// Whether each file is one text.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Looks whether the files are there.
    pub(crate) fn open(&self, wanted: Wanted) -> anyhow::Result<Texts> {
        let standard = [PathBuf::from("-")];
        let files = if self.files.is_empty() { &standard[..] } else { &self.files };
        let mut parts: Vec<Part> = Vec::new();
        for path in files {
            if path != Path::new("-") {
                let found = std::fs::metadata(path);
                let found = found.with_context(|| format!("{} cannot be read", path.display()))?;
                ensure!(!found.is_dir(), "{} is a folder", path.display());
            }
            let mut part = Part { path: path.clone(), name: None, shape: self.shape(path, wanted) };
            ensure!(
                part.shape != Shape::Lines || self.id_field.is_none(),
                "--id-field names a member of JSON Lines or a column of CSV, and {} is read as plain lines, which have none: \
                 leave it out, or give --field or --column",
                part.shown()
            );
            if !part.is_standard_input() {
                part.name = Some(Arc::from(part.shown()));
                if let Some(same) = parts.iter().find(|other| other.is_file(path)) {
                    bail!("{} and {} are one file: name it once", same.shown(), part.shown());
                }
            }
            parts.push(part);
        }
        let standard = parts.iter().filter(|part| part.is_standard_input()).count();
        ensure!(standard < 2, "standard input can be read only once");
        Ok(Texts { parts, id_field: self.id_field.clone() })
    }

    fn shape(&self, path: &Path, wanted: Wanted) -> Shape {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let is = |name: &str| extension.eq_ignore_ascii_case(name);
        match (&self.field, &self.column) {
            _ if self.whole => Shape::Whole,
            (Some(field), _) => Shape::Member(field.clone()),
            (None, Some(column)) => Shape::Column(column.clone()),
            (None, None) if wanted == Wanted::Objects => Shape::Objects,
            (None, None) if is("jsonl") || is("ndjson") => Shape::Member(wanted.name().to_owned()),
            (None, None) if is("csv") => Shape::Column(wanted.name().to_owned()),
            (None, None) => Shape::Lines,
        }
    }
}

impl Texts {
    /// How many there are, where that can be known before: pipes can be read only once.
    pub(crate) fn count(&self) -> anyhow::Result<Option<usize>> {
        let mut count = 0;
        for part in &self.parts {
            if part.shape == Shape::Whole {
                count += 1;
            } else if part.is_standard_input() || !std::fs::metadata(&part.path)?.is_file() {
                return Ok(None);
            } else {
                count += read::count(&part.shape, part.open()?)?;
            }
        }
        Ok(Some(count))
    }

    /// Whether items say which file they are of.
    pub(crate) fn have_names(&self) -> bool {
        self.parts.iter().any(|part| part.name.is_some())
    }

    /// Whether standard input is read.
    pub(crate) fn read_standard_input(&self) -> bool {
        self.parts.iter().any(Part::is_standard_input)
    }

    /// Whether one of the files is this one, by whichever name.
    pub(crate) fn is_one_of(&self, path: &Path) -> bool {
        self.parts.iter().any(|part| part.is_file(path))
    }

    /// What a file is called now that records call so.
    pub(crate) fn name_now(&self, recorded: &str) -> anyhow::Result<String> {
        let path = Path::new(recorded);
        let now = self.parts.iter().find(|part| part.is_file(path)).and_then(|part| part.name.as_deref());
        ensure!(
            now.is_some() || path.exists(),
            "it has records of {recorded}, which is not here, so that it cannot be told from the files that are given: \
             continue it where it was begun"
        );
        Ok(now.unwrap_or(recorded).to_owned())
    }

    /// All texts in order. An error ends them.
    pub(crate) fn items(self) -> impl Iterator<Item = anyhow::Result<Item>> + Send {
        let Self { parts, id_field } = self;
        parts.into_iter().flat_map(move |part| {
            let shown = part.shown();
            let items = read::items(part, id_field.clone());
            items.map(move |item| item.with_context(|| format!("{shown} cannot be read to its end")))
        })
    }

    /// Reads in a thread of its own, for standard input blocks. It stays a few texts ahead, and ends with the process or
    /// when nobody wants more.
    pub(crate) fn read(self) -> Receiver<anyhow::Result<Item>> {
        let (sender, receiver) = channel(64);
        std::thread::spawn(move || {
            for item in self.items() {
                if sender.blocking_send(item).is_err() {
                    return;
                }
            }
        });
        receiver
    }
}

impl Part {
    fn is_standard_input(&self) -> bool {
        self.path == Path::new("-")
    }

    /// Whether this is that file, by whichever name. Pipes are known by their names alone, for to open one is to read it.
    fn is_file(&self, path: &Path) -> bool {
        if self.is_standard_input() {
            false
        } else if self.path.is_file() && path.is_file() {
            same_file::is_same_file(&self.path, path).unwrap_or(false)
        } else {
            self.path == path
        }
    }

    fn shown(&self) -> String {
        if self.is_standard_input() { "standard input".to_owned() } else { self.path.display().to_string() }
    }

    fn open(&self) -> io::Result<Box<dyn BufRead + Send>> {
        Ok(if self.is_standard_input() {
            Box::new(BufReader::new(io::stdin()))
        } else {
            Box::new(BufReader::new(File::open(&self.path)?))
        })
    }
}
