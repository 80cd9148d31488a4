//! The store as somebody reads it beside the gateway.

use super::*;

#[tokio::test]
async fn a_store_is_read_beside_the_one_that_writes_it_and_never_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("yumen.db");
    assert!(matches!(Store::open_read_only(&path).await, Err(StoreError::CannotOpen { .. })));
    assert!(!path.exists());
    let store = Store::open(&path).await.unwrap();
    let reader = Store::open_read_only(&path).await.unwrap();
    assert!(reader.accounts(&AccountFilter::default()).await.unwrap().is_empty());
    let wang = account("wang");
    store.invite(&wang, hash(1), later(60)).await.unwrap();
    assert_eq!(reader.account_by_name(&wang.name).await.unwrap(), Some(wang.clone()));
    assert!(reader.sweep(later(90)).await.is_err(), "it writes nothing");
    // A copy that lies alone.
    reader.close().await;
    store.close().await;
    let copy = directory.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    assert_eq!(Store::open_read_only(&copy).await.unwrap().account_by_name(&wang.name).await.unwrap(), Some(wang));
}

#[tokio::test]
async fn a_store_of_another_version_is_not_read() {
    let (directory, store) = store().await;
    sqlx::query("UPDATE _sqlx_migrations SET version = version + 1000").execute(&store.write).await.unwrap();
    let path = directory.path().join("yumen.sqlite");
    assert!(matches!(Store::open_read_only(&path).await, Err(StoreError::Newer { .. })));
    sqlx::query("UPDATE _sqlx_migrations SET version = version - 1001").execute(&store.write).await.unwrap();
    assert!(matches!(Store::open_read_only(&path).await, Err(StoreError::Older { .. })));
}
