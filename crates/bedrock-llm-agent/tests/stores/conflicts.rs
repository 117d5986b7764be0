//! Several writers of one session.

use std::collections::BTreeSet;

use bedrock_llm_agent::store::{Conflict, OnConflict, StoreError, Turn, update};
use bedrock_llm_schema::Message;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::given::{assistant, loaded, refused, state, texts, user};
use crate::place::{Outcome, Place};

fn conflict<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Conflict {
    match refused(result) {
        StoreError::Conflict(conflict) => *conflict,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn of_two_writers_one_wins(place: &Place) -> Outcome {
    let (one, two) = (place.open().await?, place.open().await?);
    let seen = one.append("s", 0, user("Hello")).await?;
    let (first, second) =
        tokio::join!(one.append("s", seen, assistant("one")), two.append("s", seen, assistant("two")));
    let (winner, won, lost) = match (first, second) {
        (Ok(version), lost @ Err(_)) => (version, "one", conflict(lost)),
        (lost @ Err(_), Ok(version)) => (version, "two", conflict(lost)),
        both => panic!("{both:?}"),
    };
    let loser = if won == "one" { "two" } else { "one" };
    assert_eq!((lost.session.as_str(), lost.seen, lost.found), ("s", seen, winner));
    assert_eq!((lost.theirs.len(), lost.theirs[0].version), (1, winner));
    assert_eq!((&lost.theirs[0].turn, *lost.ours), (&assistant(won), assistant(loser)));
    assert_eq!(texts(&loaded(&*one, "s").await?), ["Hello", won]);

    // whoever never saw it is told everything
    let lost = conflict(one.append("s", 0, user("Hello?")).await);
    assert_eq!((lost.seen, lost.found, lost.theirs), (0, winner, one.turns("s", 0, 9).await?));
    Ok(())
}

pub(crate) async fn a_session_that_went_away_is_a_conflict(place: &Place) -> Outcome {
    let store = place.open().await?;
    let seen = store.append("s", 0, user("Hello")).await?;
    store.delete("s").await?;
    let lost = conflict(store.append("s", seen, assistant("Hi")).await);
    assert_eq!((lost.seen, lost.found, lost.theirs.len()), (seen, 0, 0));
    let again = store.append("s", 0, user("Hello")).await?;
    let lost = conflict(store.append("s", seen, assistant("Hi")).await);
    assert_eq!((lost.seen, lost.found, lost.theirs.len()), (seen, again, 1));
    assert!(store.load("t").await?.is_none());
    let lost = conflict(store.append("t", again, user("Hello")).await);
    assert_eq!((lost.found, store.load("t").await?.is_none()), (0, true));
    Ok(())
}

pub(crate) async fn no_turn_of_many_writers_is_lost(place: &Place) -> Outcome {
    const WRITERS: u64 = 8;
    const TURNS: u64 = 12;
    let shared = place.open().await?;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        // some share a handle, some have their own
        let store = if writer % 2 == 0 { shared.clone() } else { place.open().await? };
        writers.spawn(async move {
            for turn in 0..TURNS {
                let policy = OnConflict::Reload { attempts: u32::MAX };
                let count = update(&*store, "s", &policy, |session| {
                    let seen = session.and_then(|it| it.state.get("n")?.as_u64()).unwrap_or(0);
                    let mut next = state("n", seen + 1);
                    next.messages = vec![Message::user(format!("{writer}.{turn};"))];
                    next
                });
                count.await?;
            }
            Ok::<(), StoreError>(())
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer??;
    }
    let turns = shared.turns("s", 0, usize::MAX).await?;
    assert_eq!(turns.len() as u64, WRITERS * TURNS);
    assert!(turns.is_sorted_by(|a, b| a.version < b.version));
    let said: BTreeSet<String> = turns.iter().map(|record| record.turn.messages[0].text()).collect();
    assert_eq!(said.len(), turns.len());
    for (place, record) in turns.iter().enumerate() {
        assert_eq!(record.turn.state, state("n", place as u64 + 1).state);
    }
    assert_eq!(loaded(&*shared, "s").await?.state["n"], WRITERS * TURNS);
    Ok(())
}

pub(crate) async fn one_of_many_begins_a_session(place: &Place) -> Outcome {
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let store = place.open().await?;
        writers.spawn(async move { store.append("s", 0, user(&writer.to_string())).await });
    }
    let mut won = Vec::new();
    let mut lost = Vec::new();
    while let Some(writer) = writers.join_next().await {
        match writer? {
            Ok(version) => won.push(version),
            refused => lost.push(conflict(refused).found),
        }
    }
    assert_eq!((won.len(), lost), (1, vec![won[0]; 7]));
    Ok(())
}

pub(crate) async fn policies_say_what_happens(place: &Place) -> Outcome {
    let store = place.open().await?;
    store.append("s", 0, user("0")).await?;
    // another writer comes in between, as often as this says
    let interfere = async |policy: OnConflict, times: u32| {
        let mut made = 0;
        let result = update(&*store, "s", &policy, |session| {
            made += 1;
            let version = session.map_or(0, |session| session.version);
            if made <= times {
                let turn = user(&format!("their {made};"));
                let append = || Handle::current().block_on(store.append("s", version, turn));
                assert!(tokio::task::block_in_place(append).is_ok());
            }
            user(&format!("our {made};"))
        })
        .await;
        (result, made)
    };

    let (result, made) = interfere(OnConflict::Fail, 1).await;
    assert_eq!((conflict(result).theirs.len(), made), (1, 1));
    let (result, made) = interfere(OnConflict::Reload { attempts: 1 }, 2).await;
    assert_eq!((conflict(result).theirs.len(), made), (1, 2));
    let (result, made) = interfere(OnConflict::Reload { attempts: 2 }, 2).await;
    let version = result?;
    assert_eq!((loaded(&*store, "s").await?.version, made), (version, 3));

    let merge = |conflict: &Conflict| {
        let theirs = conflict.theirs.iter().flat_map(|record| &record.turn.messages).map(Message::text);
        let theirs: String = theirs.collect();
        let ours = conflict.ours.messages.first().map(Message::text)?;
        Some(user(&format!("{ours}after {theirs}")))
    };
    let before = loaded(&*store, "s").await?.version;
    let (result, made) = interfere(OnConflict::merge(1, merge), 1).await;
    result?;
    let added = store.turns("s", before, 9).await?;
    let added: Vec<String> = added.iter().map(|record| record.turn.messages[0].text()).collect();
    assert_eq!((added, made), (vec!["their 1;".to_owned(), "our 1;after their 1;".to_owned()], 1));
    let (result, _) = interfere(OnConflict::merge(9, |_| None), 1).await;
    assert_eq!(conflict(result).ours.messages[0].text(), "our 1;");
    let (result, _) = interfere(OnConflict::merge(0, merge), 1).await;
    assert_eq!(conflict(result).ours.messages[0].text(), "our 1;");
    Ok(())
}

pub(crate) async fn a_turn_that_does_not_fit_is_not_appended(place: &Place) -> Outcome {
    let store = place.open().await?;
    let fail = OnConflict::Fail;
    let error = refused(update(&*store, "s", &fail, |_| assistant("I begin")).await);
    assert!(matches!(&error, StoreError::Unsound { session, .. } if session == "s"), "{error:?}");
    assert!(store.load("s").await?.is_none());
    let version = update(&*store, "s", &fail, |_| user("Hello")).await?;
    let mut broken = Turn::default();
    broken.context = Some(vec![Message::assistant("I begin")]);
    let error = refused(update(&*store, "s", &fail, |_| broken.clone()).await);
    assert!(matches!(error, StoreError::Unsound { .. }), "{error:?}");
    assert_eq!(loaded(&*store, "s").await?.version, version);
    Ok(())
}
