use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

/// Runs the contenders, each a `head_start` after the one before or as soon as one before has failed (as
/// RFC 8305 does with addresses); the first to succeed wins, and the others are dropped. If none does, all
/// failures in the order in which they came.
pub(super) async fn race<T, E, F>(
    contenders: impl IntoIterator<Item = F>,
    head_start: Duration,
) -> Result<T, Vec<E>>
where
    F: Future<Output = Result<T, E>>,
{
    let mut waiting = contenders.into_iter().peekable();
    let mut running = FuturesUnordered::new();
    let mut failures = Vec::new();
    loop {
        running.extend(waiting.next());
        let more = waiting.peek().is_some();
        tokio::select! {
            finished = running.next() => match finished {
                Some(Ok(winner)) => return Ok(winner),
                Some(Err(failure)) => failures.push(failure),
                None => return Err(failures),
            },
            () = tokio::time::sleep(head_start), if more => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use std::pin::Pin;

    type Contender = Pin<Box<dyn Future<Output = Result<u8, u8>>>>;

    async fn run(contenders: Vec<Contender>) -> Result<u8, Vec<u8>> {
        race(contenders, Duration::from_millis(1)).await
    }

    #[tokio::test]
    async fn the_first_that_succeeds_wins() {
        let contenders: Vec<Contender> = vec![
            Box::pin(pending()),
            Box::pin(ready(Err(1))),
            Box::pin(ready(Ok(2))),
            Box::pin(ready(Ok(3))),
        ];
        assert_eq!(run(contenders).await, Ok(2));
    }

    #[tokio::test]
    async fn a_failure_lets_the_next_one_start_at_once() {
        let contenders: Vec<Contender> = vec![Box::pin(ready(Err(1))), Box::pin(ready(Ok(2)))];
        let hour = Duration::from_secs(3_600);
        assert_eq!(race(contenders, hour).await, Ok(2));
    }

    #[tokio::test]
    async fn with_a_head_start_the_first_stays_alone() {
        let second: Contender = Box::pin(async { panic!("not needed") });
        let first: Contender = Box::pin(async {
            tokio::task::yield_now().await;
            Ok(1)
        });
        let hour = Duration::from_secs(3_600);
        assert_eq!(race(vec![first, second], hour).await, Ok(1));
    }

    #[tokio::test]
    async fn when_all_fail_all_failures_are_told() {
        let contenders: Vec<Contender> = vec![Box::pin(ready(Err(1))), Box::pin(ready(Err(2)))];
        assert_eq!(run(contenders).await, Err(vec![1, 2]));
        assert_eq!(run(Vec::new()).await, Err(Vec::new()));
    }
}
