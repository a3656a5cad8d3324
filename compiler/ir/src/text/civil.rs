//! Calendar arithmetic: days and microseconds since 1970-01-01 to years, months, days and back.
//!
//! The two day algorithms are Howard Hinnant's `days_from_civil` and `civil_from_days`
//! ("chrono-Compatible Low-Level Date Algorithms"): the proleptic Gregorian calendar in eras of
//! 400 years, exact for every `i32` day, without tables or branches on the month.

/// Microseconds of a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds of a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Microseconds of an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Microseconds of a day.
pub const DAY: i64 = 24 * HOUR;

/// A calendar day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// The year; 0 is 1 BC.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999 999.
    pub microsecond: u32,
}

/// Days since 1970-01-01 of a calendar day. `month` is 1 to 12 and `day` any number near a month.
pub const fn days_from_civil(year: i64, month: u8, day: u8) -> i64 {
    let (month, day) = (month as i64, day as i64);
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The calendar day of so many days since 1970-01-01.
pub const fn civil_from_days(days: i64) -> Civil {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted - era * 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u8;
    let month = (if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 }) as u8;
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    Civil { year, month, day }
}

/// Whether a year has 366 days.
pub const fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

/// The days of a month (1 to 12); 0 for other numbers.
pub const fn days_in_month(year: i64, month: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 0,
    }
}

/// Days since 1970-01-01, if the day exists and fits a date.
pub fn date_from_civil(year: i64, month: u8, day: u8) -> Option<i32> {
    if day == 0 || day > days_in_month(year, month) || year.unsigned_abs() > 10_000_000 {
        return None;
    }
    i32::try_from(days_from_civil(year, month, day)).ok()
}

/// The date of a timestamp, in UTC. Every timestamp's date fits.
pub const fn date_of_timestamp(timestamp: i64) -> i64 {
    timestamp.div_euclid(DAY)
}

/// The time of day of a timestamp, in UTC.
pub const fn time_of_timestamp(timestamp: i64) -> TimeOfDay {
    let of_day = timestamp.rem_euclid(DAY);
    TimeOfDay {
        hour: (of_day / HOUR) as u8,
        minute: (of_day / MINUTE % 60) as u8,
        second: (of_day / SECOND % 60) as u8,
        microsecond: (of_day % SECOND) as u32,
    }
}

/// The ISO weekday of a day: Monday 1 to Sunday 7.
pub const fn weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}
