//! The emergency plan of the example, and how a gateway gets one.

use crate::house::House;

pub const PLAN: &str = include_str!("../../config/plan.toml");

/// Puts this plan in force.
pub async fn adopt(house: &House, plan: &str) -> Result<String, String> {
    std::fs::write(house.data.path().join("plan.toml"), plan).unwrap();
    house
        .reload(|text| if text.contains("[incident]") { text.to_owned() } else { format!("{text}\n[incident]\nplan = \"plan.toml\"\n") })
        .await
}
