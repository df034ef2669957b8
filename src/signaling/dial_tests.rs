use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::*;

fn unreachable_at(server: &str) -> SignalingError {
    unreachable(&server.parse().unwrap(), "nothing listens there")
}

#[test]
fn of_several_failures_the_telling_one_is_told() {
    let full = SignalingError::Refused(RefusalReason::RoomFull);
    let failures = vec![unreachable_at("10.0.0.1:1"), full.clone()];
    assert_eq!(sum_up(failures), full);
    let failures = vec![unreachable_at("10.0.0.1:1"), unreachable_at("10.0.0.2:1")];
    assert_eq!(
        sum_up(failures).to_string(),
        "cannot reach the call server 10.0.0.1:1 or 10.0.0.2:1: nothing listens there"
    );
    assert_eq!(sum_up(Vec::new()), SignalingError::NoServer);
}

#[test]
fn families_take_turns() {
    let parse = |addresses: [&str; 4]| addresses.map(|a| a.parse().unwrap()).to_vec();
    let sorted = alternate(parse(["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]));
    let expected = parse(["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]);
    assert_eq!(sorted, expected);
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

fn url(scheme: &str, address: &str) -> ServerUrl {
    format!("{scheme}://{address}").parse().unwrap()
}

/// A server that answers the first packet of each connection with `answer` and closes.
async fn answering(answer: &'static [u8]) -> String {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 2048];
            if stream.read(&mut request).await.is_ok() {
                let _ = stream.write_all(answer).await;
                let _ = stream.shutdown().await;
                // Until the client has read it: a reset would take the answer away.
                let _ = stream.read(&mut request).await;
            }
        }
    });
    address
}

#[tokio::test]
async fn a_call_server_is_probed_without_entering_a_room() {
    let (listener, address) = listen().await;
    tokio::spawn(twocan_server::serve(listener, std::future::pending()));
    let took = probe(&url("ws", &address)).await.unwrap();
    assert!(took > Duration::ZERO);
}

#[tokio::test]
async fn nobody_there() {
    let (listener, address) = listen().await;
    drop(listener);
    let error = probe(&url("ws", &address)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot reach the call server {address}: nothing listens there")
    );
}

#[tokio::test]
async fn a_web_server() {
    for answer in [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".as_slice(),
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ] {
        let address = answering(answer).await;
        let error = probe(&url("ws", &address)).await.unwrap_err();
        let expected = SignalingError::NotAWebsocket { server: address };
        assert_eq!(error, expected, "{answer:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_full() {
    let address = answering(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").await;
    let error = probe(&url("ws", &address)).await.unwrap_err();
    assert_eq!(error, SignalingError::ServerFull { server: address });
}

#[tokio::test]
async fn a_server_without_tls() {
    for answer in [b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(), b""] {
        let address = answering(answer).await;
        let error = probe(&url("wss", &address)).await.unwrap_err();
        assert!(matches!(error, SignalingError::Tls { .. }), "{error}");
    }
}

/// A call server behind TLS, as behind a web server: a certificate of its own making.
async fn with_tls() -> (String, rcgen::CertifiedKey<rcgen::KeyPair>) {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], PrivateKeyDer::from(key))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (plain, plain_address) = listen().await;
    tokio::spawn(twocan_server::serve(plain, std::future::pending()));
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut outside) = acceptor.accept(stream).await else {
                continue;
            };
            let mut inside = TcpStream::connect(&plain_address).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
        }
    });
    (address, certified)
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for() {
    let (address, _) = with_tls().await;
    let error = probe(&url("wss", &address)).await.unwrap_err();
    let SignalingError::Tls { detail, .. } = &error else {
        panic!("{error}");
    };
    assert!(detail.contains("certificate"), "{detail}");
}

#[tokio::test]
async fn a_server_behind_tls() {
    let (address, certified) = with_tls().await;
    let mut roots = RootCertStore::empty();
    roots.add(certified.cert.der().clone()).unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = Connector::Rustls(Arc::new(config));
    let server = url("wss", &address);
    let socket = open_with(&server, Some(tls)).await.unwrap();
    assert!(greet(socket, &server).await.is_ok());
}
