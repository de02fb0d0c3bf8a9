//! What the reader of DNS answers costs for each datagram: an answer about an endpoint, one about another name, and a
//! datagram that is no answer.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Stdio;

use anyhow::Result;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use serde::Serialize;

use crate::bed::{Bed, OTHER, RESOLVER};
use crate::connect::number;
use crate::cost::{self, Cost};

/// Addresses in each answer.
const RECORDS: u8 = 4;

/// What was received, and what the programs of the receiver cost for each.
#[derive(Debug, Serialize)]
pub(crate) struct Received {
    kind: &'static str,
    datagrams: usize,
    programs: Vec<Cost>,
}

pub(crate) fn measure(bed: &Bed, count: usize) -> Result<Vec<Received>> {
    let mut application = bed.start(&bed.inside, Stdio::piped(), &["datagrams"])?;
    let port = u16::try_from(number(&application.said()?, "port")?)?;
    let to = SocketAddr::from((OTHER, port));
    let socket = |port| bed.namespace.run(|| UdpSocket::bind((RESOLVER, port)));
    let (resolver, other) = (socket(53)?, socket(0)?);
    let (ours, theirs) = (answer("api.openai.com")?, answer("www.example.com")?);
    let kinds =
        [("matched", &resolver, &ours), ("unmatched", &resolver, &theirs), ("other", &other, &theirs)];
    let of = |(kind, socket, message): (&'static str, &UdpSocket, &Vec<u8>)| {
        // The programs have run before a full queue of the receiver, which reads nothing, refuses the datagram.
        let send = || {
            for _ in 0..count {
                socket.send_to(message, to)?;
            }
            Ok(count as u64)
        };
        Ok(Received { kind, datagrams: count, programs: cost::of(bed, send)? })
    };
    kinds.into_iter().map(of).collect()
}

fn answer(name: &str) -> Result<Vec<u8>> {
    let mut name = Name::from_ascii(name)?;
    name.set_fqdn(true);
    let mut message = Message::new(7, MessageType::Response, OpCode::Query);
    message.metadata.response_code = ResponseCode::NoError;
    message.add_query(Query::query(name.clone(), RecordType::A));
    for number in 0..RECORDS {
        let address = RData::A(A(Ipv4Addr::new(198, 51, 100, 100 + number)));
        message.add_answer(Record::from_rdata(name.clone(), 60, address));
    }
    Ok(message.to_vec()?)
}
