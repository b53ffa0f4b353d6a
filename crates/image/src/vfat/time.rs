//! Dates and times of day as FAT has them: from 1980, in steps of two seconds.

use std::ops::RangeInclusive;

/// What FAT can say: 1980 to the end of 2107, in seconds since 1970.
const SECONDS: RangeInclusive<u64> = 315_532_800..=4_354_819_199;

/// A date and a time of day, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FatTime {
    pub(super) date: u16,
    pub(super) time: u16,
}

impl FatTime {
    /// The nearest that there is to `seconds` since 1970.
    pub(super) fn from_unix(seconds: u64) -> Self {
        let seconds = seconds.clamp(*SECONDS.start(), *SECONDS.end());
        let (year, month, day) = civil(seconds / 86_400);
        let of_day = seconds % 86_400;
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        let packed = |value: u64| u16::try_from(value).expect("a date of 1980 to 2107 fits");
        Self {
            date: packed(((year - 1980) << 9) | (month << 5) | day),
            time: packed((hour << 11) | (minute << 5) | (second / 2)),
        }
    }
}

/// Year, month and day of a day since 1970 (proleptic Gregorian, counted from a March).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(time: FatTime) -> (u16, u16, u16, u16, u16, u16) {
        let FatTime { date, time } = time;
        (
            1980 + (date >> 9),
            (date >> 5) & 15,
            date & 31,
            time >> 11,
            (time >> 5) & 63,
            time % 32 * 2,
        )
    }

    #[test]
    fn times_are_the_days_of_the_calendar() {
        let at = |seconds| read(FatTime::from_unix(seconds));
        assert_eq!(at(951_827_696), (2000, 2, 29, 12, 34, 56));
        assert_eq!(at(1_700_000_000), (2023, 11, 14, 22, 13, 20));
        assert_eq!(at(4_107_542_399), (2100, 2, 28, 23, 59, 58));
    }

    #[test]
    fn what_fat_cannot_say_becomes_the_nearest() {
        assert_eq!(read(FatTime::from_unix(0)), (1980, 1, 1, 0, 0, 0));
        assert_eq!(read(FatTime::from_unix(u64::MAX)), (2107, 12, 31, 23, 59, 58));
    }
}
