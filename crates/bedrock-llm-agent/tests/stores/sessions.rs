//! Sessions as wholes.

use std::time::{Duration, SystemTime};

use bedrock_llm_agent::store::{Retention, StateStore, StoreError};

use crate::given::{assistant, loaded, progress, refused, state, texts, user};
use crate::place::{Outcome, Place};

/// Long enough for a store to see that time went on; it counts microseconds.
pub(crate) fn next_moment() {
    let start = SystemTime::now();
    while SystemTime::now() < start + Duration::from_micros(2) {}
}

async fn names(store: &dyn StateStore, prefix: &str) -> Result<Vec<String>, StoreError> {
    Ok(store.list(prefix).await?.into_iter().map(|info| info.id).collect())
}

pub(crate) async fn snapshots_are_gone_back_to(place: &Place) -> Outcome {
    let store = place.open().await?;
    let first = store.append("s", 0, user("One")).await?;
    assert_eq!(store.snapshot("s", "α 1").await?, first);
    let mut turn = assistant("Two");
    turn.state = state("n", 2).state;
    let second = store.append("s", first, turn).await?;
    store.snapshot("s", "later").await?;
    let third = store.append("s", second, user("Three")).await?;
    assert_eq!(store.snapshot("s", "moved").await?, third);

    assert_eq!(store.rollback("s", third).await?, third);
    let to = store.snapshot_version("s", "later").await?.unwrap_or_default();
    assert_eq!(store.rollback("s", to).await?, second);
    assert_eq!(texts(&loaded(&*store, "s").await?), ["One", "Two"]);
    assert_eq!(store.snapshot_version("s", "moved").await?, None);
    assert_eq!(store.rollback("s", first).await?, first);
    let session = loaded(&*store, "s").await?;
    assert_eq!((session.version, session.state.len()), (first, 0));
    assert_eq!(store.snapshot_version("s", "later").await?, None);
    assert_eq!(store.snapshot_version("s", "α 1").await?, Some(first));

    // what was taken back is no version, and never becomes one again
    for gone in [0, second, third, third + 1, u64::MAX] {
        let error = refused(store.rollback("s", gone).await);
        assert!(matches!(error, StoreError::NoVersion { version, .. } if version == gone), "{error:?}");
    }
    let error = refused(store.append("s", third, assistant("Late")).await);
    let StoreError::Conflict(conflict) = error else { panic!("{error:?}") };
    assert_eq!((conflict.seen, conflict.found, conflict.theirs.len()), (third, first, 0));
    let fourth = store.append("s", first, assistant("Anew")).await?;
    assert!(fourth > third);
    // a name goes over
    assert_eq!(store.snapshot("s", "α 1").await?, fourth);
    assert_eq!(store.snapshot_version("s", "α 1").await?, Some(fourth));
    Ok(())
}

pub(crate) async fn a_branch_goes_its_own_way(place: &Place) -> Outcome {
    let store = place.open().await?;
    let first = store.append("s", 0, user("One")).await?;
    let second = store.append("s", first, assistant("Two")).await?;
    store.snapshot("s", "here").await?;
    let third = store.append("s", second, user("Three")).await?;
    let branch = store.branch("s", second, "t").await?;
    assert!(branch > third);
    assert_eq!(texts(&loaded(&*store, "t").await?), ["One", "Two"]);
    let (old, new) = (store.turns("s", 0, 2).await?, store.turns("t", 0, 9).await?);
    assert_eq!(new.len(), 2);
    for (old, new) in old.iter().zip(&new) {
        assert_eq!((&old.turn, old.at), (&new.turn, new.at));
        assert!(new.version > third && new.version <= branch);
    }
    assert_eq!(store.snapshot_version("t", "here").await?, None);

    store.append("t", branch, user("Drei")).await?;
    store.delete("s").await?;
    assert_eq!(texts(&loaded(&*store, "t").await?), ["One", "Two", "Drei"]);

    let error = refused(store.branch("t", second, "u").await);
    assert!(matches!(error, StoreError::NoVersion { version, .. } if version == second), "{error:?}");
    let error = refused(store.branch("t", branch, "t").await);
    assert!(matches!(&error, StoreError::Exists { session } if session == "t"), "{error:?}");
    Ok(())
}

pub(crate) async fn sessions_are_listed(place: &Place) -> Outcome {
    let store = place.open().await?;
    for session in ["a", "ab", "a%", "Ab", "ä/🦀 x", "ä/_"] {
        store.append(session, 0, user("x")).await?;
        next_moment();
    }
    assert_eq!(names(&*store, "").await?, ["ä/_", "ä/🦀 x", "Ab", "a%", "ab", "a"]);
    assert_eq!(names(&*store, "a").await?, ["a%", "ab", "a"]);
    assert_eq!(names(&*store, "a%").await?, ["a%"]);
    assert_eq!(names(&*store, "ä/").await?, ["ä/_", "ä/🦀 x"]);
    assert_eq!(names(&*store, "ä/🦀 x!").await?, [""; 0]);
    assert_eq!(names(&*store, "a\0").await?, [""; 0]);

    let seen = loaded(&*store, "a").await?.version;
    let mut turn = assistant("y");
    turn.run = progress();
    let open = store.append("a", seen, turn).await?;
    let first = store.list("").await?.swap_remove(0);
    assert_eq!((first.id.as_str(), first.version, first.is_open), ("a", open, true));
    let session = loaded(&*store, "a").await?;
    assert_eq!((first.created, first.updated), (session.created, session.updated));
    assert!(first.created < first.updated);
    next_moment();
    store.append("ab", store.list("ab").await?[0].version, assistant("y")).await?;
    assert_eq!(names(&*store, "a").await?, ["ab", "a", "a%"]);
    next_moment();
    // going back is a use, and what is open follows the last turn
    store.rollback("a", seen).await?;
    let first = store.list("").await?.swap_remove(0);
    assert_eq!((first.id.as_str(), first.is_open), ("a", false));
    Ok(())
}

pub(crate) async fn deleted_is_deleted(place: &Place) -> Outcome {
    let store = place.open().await?;
    let old = store.append("s", 0, user("secret")).await?;
    store.snapshot("s", "x").await?;
    assert!(store.delete("s").await?);
    assert!(!store.delete("s").await?);
    assert!(store.load("s").await?.is_none());
    assert_eq!(names(&*store, "").await?, [""; 0]);
    let new = store.append("s", 0, user("new")).await?;
    assert!(new > old);
    assert_eq!(store.snapshot_version("s", "x").await?, None);
    assert_eq!(store.turns("s", 0, 9).await?.len(), 1);
    Ok(())
}

pub(crate) async fn old_sessions_go(place: &Place) -> Outcome {
    let store = place.open().await?;
    let mut used = Vec::new();
    for session in ["1", "2", "3", "4"] {
        store.append(session, 0, user("x")).await?;
        used.push(loaded(&*store, session).await?.updated);
        next_moment();
    }
    let hour = Duration::from_secs(3600);
    let none = Retention::default();
    assert_eq!(store.retain(none, used[3] + 1000 * hour).await?, [""; 0]);
    // exactly an hour is not yet too long
    assert_eq!(store.retain(none.max_idle(hour), used[0] + hour).await?, [""; 0]);
    assert_eq!(store.retain(none.max_idle(hour), used[1] + hour).await?, ["1"]);
    // a clock that went back makes nothing old
    assert_eq!(store.retain(none.max_idle(Duration::ZERO), used[0]).await?, [""; 0]);
    assert_eq!(store.retain(none.max_sessions(3), used[3]).await?, [""; 0]);
    assert_eq!(store.retain(none.max_sessions(1), used[3]).await?, ["3", "2"]);
    assert_eq!(names(&*store, "").await?, ["4"]);
    assert_eq!(store.retain(none.max_idle(hour).max_sessions(5), used[3] + 2 * hour).await?, ["4"]);
    assert!(store.load("4").await?.is_none());
    Ok(())
}

pub(crate) async fn unknown_sessions_are_told(place: &Place) -> Outcome {
    let store = place.open().await?;
    store.append("t", 0, user("x")).await?;
    let told = [
        store.turns("s", 0, 1).await.map(drop),
        store.snapshot("s", "x").await.map(drop),
        store.snapshot_version("s", "x").await.map(drop),
        store.rollback("s", 1).await.map(drop),
        store.branch("s", 1, "t").await.map(drop),
    ];
    for told in told {
        assert!(matches!(&told, Err(StoreError::NoSession { session }) if session == "s"), "{told:?}");
    }
    Ok(())
}

pub(crate) async fn names_are_checked(place: &Place) -> Outcome {
    let store = place.open().await?;
    let longest = "é".repeat(256);
    let version = store.append(&longest, 0, user("x")).await?;
    assert_eq!(store.snapshot(&longest, &longest).await?, version);
    assert_eq!(loaded(&*store, &longest).await?.id, longest);
    assert_eq!(store.snapshot_version(&longest, "a\0b").await?, None);
    for bad in ["", "a\0b", &"x".repeat(513)] {
        let told = [
            store.append(bad, 0, user("x")).await.map(drop),
            store.snapshot(&longest, bad).await.map(drop),
            store.branch(&longest, version, bad).await.map(drop),
        ];
        for told in told {
            assert!(matches!(told, Err(StoreError::BadName { .. })), "{told:?}");
        }
        assert!(store.load(bad).await?.is_none());
        assert!(!store.delete(bad).await?);
        assert!(matches!(store.turns(bad, 0, 1).await, Err(StoreError::NoSession { .. })));
    }
    Ok(())
}
