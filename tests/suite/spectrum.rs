//! csv-spectrum, an acid test of CSV: what a program makes of its files is what its JSON says.
//!
//! The program is a case of the differential matrix, so every configuration gives these answers.

use crate::process::{Workplace, repository};
use serde_json::Value;

const PROGRAM: &str = "tests/cases/run/formats/csv_spectrum.flow";

/// The only file whose JSON differs from its CSV (see the README beside it), and its phone number in the CSV.
const EDITED: (&str, &str, &str) = ("location_coordinates.json", "Contact Phone Number", "2095257564");

/// The rows that the suite expects of a file.
fn expected(name: &str) -> Value {
    let path = repository().join("tests/data/csv-spectrum").join(name);
    let text = std::fs::read_to_string(path).expect("the suite's answer");
    let rows: Value = serde_json::from_str(&text).expect("JSON");
    if name != EDITED.0 {
        return rows;
    }
    let mut row = rows;
    row[EDITED.1] = EDITED.2.into();
    Value::Array(vec![row])
}

#[test]
fn every_file_becomes_its_json() {
    let outcome = Workplace::new().run(&["run", PROGRAM]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.files.len(), 12, "{:?}", outcome.files.keys());
    for (name, text) in &outcome.files {
        let rows: Value = serde_json::from_str(text).expect("flowc writes JSON");
        assert_eq!(rows, expected(name), "{name}");
    }
}

/// What is read without an option is not guessed: a quote in the middle of a field is refused at its place.
#[test]
fn a_quote_inside_of_a_field_has_a_place() {
    let program = "read \"tests/data/csv-spectrum/location_coordinates.csv\" schema { Cities: string }";
    let outcome = Workplace::new().run(&["run", "-e", program]);
    assert_eq!(outcome.status, Some(3));
    let place = "error[F5006]: tests/data/csv-spectrum/location_coordinates.csv:2:22: a quote opens here";
    assert!(outcome.stderr.starts_with(place), "{}", outcome.stderr);
}
