//! Lengths of time as people write them: nothing is rounded, and what is whole in hours or days is said so.

use std::time::Duration;

use super::report::FormLanguage;

const DAY: u64 = 86_400;

/// `4 h`, `1 h 30 min`, `30 d`; a day alone, and what is no whole number of days, in hours.
pub fn length(length: Duration, language: FormLanguage) -> String {
    let seconds = length.as_secs();
    if seconds >= 2 * DAY && seconds.is_multiple_of(DAY) {
        return format!("{}{}", seconds / DAY, language.of(" 天", " d"));
    }
    let parts = [
        (seconds / 3_600, language.of(" 小时", " h")),
        (seconds / 60 % 60, language.of(" 分钟", " min")),
        (seconds % 60, language.of(" 秒", " s")),
    ];
    let told: Vec<String> = parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if told.is_empty() { format!("0{}", language.of(" 秒", " s")) } else { told.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_said_in_the_units_in_which_people_think() {
        for (minutes, english, chinese) in [
            (5, "5 min", "5 分钟"),
            (60, "1 h", "1 小时"),
            (90, "1 h 30 min", "1 小时 30 分钟"),
            (240, "4 h", "4 小时"),
            (24 * 60, "24 h", "24 小时"),
            (36 * 60, "36 h", "36 小时"),
            (720 * 60, "30 d", "30 天"),
            (0, "0 s", "0 秒"),
        ] {
            let told = |language| length(Duration::from_secs(minutes * 60), language);
            assert_eq!((told(FormLanguage::English).as_str(), told(FormLanguage::Chinese).as_str()), (english, chinese));
        }
        assert_eq!(length(Duration::from_secs(90), FormLanguage::English), "1 min 30 s");
    }
}
