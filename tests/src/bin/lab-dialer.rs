//! Connects as it is told on descriptor 0 and hands the sockets back. See `interceptor_tests::dialer`.

fn main() -> anyhow::Result<()> {
    interceptor_tests::dialer::serve()
}
