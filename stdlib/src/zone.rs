//! Time zones: what clocks show at a moment, and the moment at which they show it.
//!
//! A timestamp is a moment; there is no type for what a clock shows, so `at_zone` gives a timestamp
//! whose parts are the clock's, good for `hour`, `trunc` and `format`. The tables are those of the
//! library, never the machine's: a program means the same everywhere.

use crate::library::{Outcome, argument_error};
use flow_ir::text::civil::DAY;
use flow_ir::text::display;
use flow_ir::{ErrorCode, EvalError, Function, Value};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use std::sync::OnceLock;

pub(crate) fn call(function: Function, arguments: &[Value]) -> Outcome {
    let [Value::Timestamp(at), Value::String(name)] = arguments else { return None };
    Some(Zone::find(name).and_then(|zone| zone.convert(function, *at)).map(Value::Timestamp))
}

/// Says in one sentence what is wrong with the name of a zone, if anything is.
pub fn check_zone(name: &str) -> Result<(), String> {
    Zone::find(name).map(|_| ()).map_err(|e| e.message)
}

/// A zone of the tables.
pub(crate) struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    /// The zone of an IANA name, in any case.
    pub(crate) fn find(name: &str) -> Result<Self, EvalError> {
        static TABLES: OnceLock<TimeZoneDatabase> = OnceLock::new();
        let tables = TABLES.get_or_init(TimeZoneDatabase::bundled);
        match tables.get(name) {
            Ok(rules) => Ok(Zone { name: name.to_owned(), rules }),
            Err(_) => {
                let text = format!("`{name}` is not the name of a time zone, such as Europe/Zurich or UTC");
                Err(argument_error(text))
            }
        }
    }

    /// `at_zone` or `from_zone` of a timestamp.
    pub(crate) fn convert(&self, function: Function, at: i64) -> Result<i64, EvalError> {
        if function == Function::AtZone { self.clock(at) } else { self.moment(at) }
    }

    /// What the clocks show at a moment.
    fn clock(&self, moment: i64) -> Result<i64, EvalError> {
        let at = jiff::Timestamp::from_microsecond(moment).map_err(|_| self.outside(moment))?;
        let offset = i64::from(self.rules.to_offset(at).seconds());
        moment.checked_add(offset * 1_000_000).ok_or_else(|| self.outside(moment))
    }

    /// The moment at which the clocks show so: the first one where they show it twice.
    fn moment(&self, clock: i64) -> Result<i64, EvalError> {
        let day = clock.div_euclid(DAY);
        let civil = flow_ir::text::civil::civil_from_days(day);
        let date = i16::try_from(civil.year)
            .ok()
            .and_then(|year| jiff::civil::Date::new(year, civil.month as i8, civil.day as i8).ok())
            .ok_or_else(|| self.outside(clock))?;
        let of_day = clock.rem_euclid(DAY);
        let time = jiff::civil::Time::midnight()
            .checked_add(jiff::SignedDuration::from_micros(of_day))
            .map_err(|_| self.outside(clock))?;
        let offset = match self.rules.to_ambiguous_timestamp(date.to_datetime(time)).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => offset,
            AmbiguousOffset::Gap { .. } => {
                let shown = display(&Value::Timestamp(clock));
                let shown = shown.trim_end_matches('Z');
                return Err(argument_error(format!("the clocks of {} never show {shown}", self.name)));
            }
        };
        clock.checked_sub(i64::from(offset.seconds()) * 1_000_000).ok_or_else(|| self.outside(clock))
    }

    fn outside(&self, at: i64) -> EvalError {
        let shown = display(&Value::Timestamp(at));
        EvalError::new(ErrorCode::Overflow, format!("{shown} is beyond the calendar of {}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_ir::Type;
    use flow_ir::text::parse;

    fn at(text: &str) -> i64 {
        match parse(text, &Type::Timestamp) {
            Some(Value::Timestamp(x)) => x,
            other => panic!("{text}: {other:?}"),
        }
    }

    /// Expected: Python's zoneinfo with the IANA tables of 2024.
    #[test]
    fn clocks_follow_the_rules_of_their_zone() {
        for (zone, moment, clock) in [
            ("Europe/Zurich", "2024-03-31T00:59:59Z", "2024-03-31T01:59:59Z"),
            ("Europe/Zurich", "2024-03-31T01:00:00Z", "2024-03-31T03:00:00Z"),
            ("America/New_York", "2024-11-03T05:30:00Z", "2024-11-03T01:30:00Z"),
            ("America/New_York", "1900-01-01T00:00:00.5Z", "1899-12-31T19:00:00.5Z"),
            ("Asia/Kathmandu", "2024-05-01T00:00:00Z", "2024-05-01T05:45:00Z"),
            ("UTC", "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
        ] {
            let found = Zone::find(zone).expect("a zone");
            assert_eq!(found.clock(at(moment)), Ok(at(clock)), "{zone} {moment}");
            assert_eq!(found.moment(at(clock)), Ok(at(moment)), "{zone} {clock}");
        }
    }

    #[test]
    fn gaps_folds_and_ends_are_defined() {
        let zurich = Zone::find("europe/zurich").expect("a zone");
        let error = zurich.moment(at("2024-03-31T02:30:00Z")).expect_err("a gap");
        assert_eq!(error.message, "the clocks of europe/zurich never show 2024-03-31T02:30:00");
        assert_eq!(zurich.moment(at("2024-10-27T02:30:00Z")), Ok(at("2024-10-27T00:30:00Z")));
        for end in [i64::MIN, i64::MAX] {
            assert_eq!(zurich.clock(end).expect_err("an end").code, ErrorCode::Overflow);
            assert_eq!(zurich.moment(end).expect_err("an end").code, ErrorCode::Overflow);
        }
        assert!(check_zone("Mars/Olympus").is_err());
    }
}
