//! The fresh proof for a change that needs two.

use super::super::fixture::{Device, World};
use super::super::*;
use crate::model::{PetitionId, Role};

async fn prove(
    world: &World,
    identity: &Identity,
    (asked, made): ((PetitionId, PetitionStep), (PetitionId, PetitionStep)),
    device: &mut Device,
) -> Result<PetitionProof, KeyChangeError> {
    let challenge = world.auth.keys.petition_options(identity, asked.0, asked.1, world.now()).await?;
    world.auth.keys.prove_for_petition(identity, made, &challenge.id, &device.get(&challenge.options), world.now()).await
}

#[tokio::test]
async fn a_key_answers_for_one_petition_and_one_step_of_it() {
    let world = World::new().await;
    let mut blue = Device::new();
    world.enrol_as("wang li", Role::SecurityAdministrator, &mut blue).await;
    let identity = world.sign_in("wang li", &mut blue).await.identity;
    let (this, that) = (PetitionId::fresh(), PetitionId::fresh());
    for (asked, made) in [
        ((this, PetitionStep::Propose), (that, PetitionStep::Propose)),
        ((this, PetitionStep::Propose), (this, PetitionStep::Confirm)),
        ((this, PetitionStep::Confirm), (this, PetitionStep::Propose)),
    ] {
        let proven = prove(&world, &identity, (asked, made), &mut blue).await;
        assert!(matches!(proven, Err(KeyChangeError::Ceremony(CeremonyError::NoChallenge))), "{proven:?}");
    }
    let step = (this, PetitionStep::Confirm);
    let proof = prove(&world, &identity, (step, step), &mut blue).await.unwrap();
    assert_eq!(proof.spend(&identity, this, PetitionStep::Confirm), Some(identity.key()));
    let proof = prove(&world, &identity, (step, step), &mut blue).await.unwrap();
    assert_eq!(proof.spend(&identity, that, PetitionStep::Confirm), None);
}

#[tokio::test]
async fn it_is_worth_nothing_in_another_session_and_a_wrong_key_counts() {
    let world = World::new().await;
    let mut blue = Device::new();
    world.enrol_as("wang li", Role::SecurityAdministrator, &mut blue).await;
    let here = world.sign_in("wang li", &mut blue).await.identity;
    let there = world.sign_in("wang li", &mut blue).await.identity;
    let step = (PetitionId::fresh(), PetitionStep::Confirm);
    let challenge = world.auth.keys.petition_options(&here, step.0, step.1, world.now()).await.unwrap();
    let answer = blue.get(&challenge.options);
    let stolen = world.auth.keys.prove_for_petition(&there, step, &challenge.id, &answer, world.now()).await;
    assert!(matches!(stolen, Err(KeyChangeError::Ceremony(CeremonyError::NoChallenge))));
    let proof = world.auth.keys.prove_for_petition(&here, step, &challenge.id, &answer, world.now()).await.unwrap();
    assert_eq!(proof.spend(&there, step.0, step.1), None);
    let again = world.auth.keys.prove_for_petition(&here, step, &challenge.id, &answer, world.now()).await;
    assert!(again.is_err(), "a challenge is taken once");
    let mut other = Device::new();
    world.enrol("li na", &mut other).await;
    assert!(matches!(prove(&world, &here, (step, step), &mut other).await, Err(KeyChangeError::WrongProof(_))));
}
