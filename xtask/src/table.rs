//! Plain tables for the terminal: columns as wide as their widest cell, numbers to the right.

use std::fmt;

/// A table with a head; `Display` lays it out.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads.
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { rows: vec![head.map(str::to_owned).to_vec()] }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(Vec::from(cells));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        let width = |column| self.rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0);
        let number = |column| {
            self.rows.len() > 1
                && self.rows.iter().skip(1).all(|row| cell(row, column).parse::<f64>().is_ok())
        };
        for row in &self.rows {
            let mut line = String::new();
            for column in 0..columns {
                let (cell, width) = (cell(row, column), width(column));
                if number(column) {
                    line += &format!("{cell:>width$}  ");
                } else {
                    line += &format!("{cell:<width$}  ");
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lays_out_words_left_and_numbers_right() {
        let mut table = Table::new(["step", "seconds", "note"]);
        table.row(["fmt".into(), "0.4".into(), String::new()]);
        table.row(["clippy".into(), "61.0".into(), "slow".into()]);
        let want = "step    seconds  note\nfmt         0.4\nclippy     61.0  slow\n";
        assert_eq!(table.to_string(), want);
    }
}
