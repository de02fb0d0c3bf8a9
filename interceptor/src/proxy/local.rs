//! Lets hyper start its helper tasks on the thread of the connection they belong to.

/// Runs futures on the current thread's `LocalSet`.
#[derive(Debug, Clone, Copy)]
pub(super) struct LocalExec;

impl<F> hyper::rt::Executor<F> for LocalExec
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}
