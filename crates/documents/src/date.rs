//! Days, by which versions are hidden until they come.

use std::fmt;

use innkeeper_model::UnixSeconds;

const SECONDS_PER_DAY: i64 = 86_400;

/// A day of the Gregorian calendar, shown as `2025-04-04`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CivilDate {
    year: i64,
    month: u8,
    day: u8,
}

impl CivilDate {
    /// A date of which the caller knows that it exists.
    pub(crate) const fn new(year: i64, month: u8, day: u8) -> Self {
        Self { year, month, day }
    }

    /// The day, in UTC, on which `seconds` fell.
    pub fn from_unix(seconds: UnixSeconds) -> Self {
        // Years begin in March here, so that the leap day is the last of its year; eras are the
        // 400 years after which the calendar repeats.
        let days_since_0000_03_01 = seconds.div_euclid(SECONDS_PER_DAY) + 719_468;
        let era = days_since_0000_03_01.div_euclid(146_097);
        let day_of_era = days_since_0000_03_01.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let small = |number: i64| u8::try_from(number).expect("months and days are below 32");
        Self { year, month: small(month), day: small(day) }
    }
}

impl fmt::Display for CivilDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_the_calendars() {
        for (seconds, shown) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_743_724_799, "2025-04-03"),
            (1_743_724_800, "2025-04-04"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(CivilDate::from_unix(seconds).to_string(), shown, "{seconds}");
        }
    }

    #[test]
    fn later_days_are_greater() {
        assert!(CivilDate::new(2025, 4, 4) > CivilDate::new(2025, 3, 31));
        assert!(CivilDate::new(2026, 1, 1) > CivilDate::new(2025, 12, 31));
    }
}
