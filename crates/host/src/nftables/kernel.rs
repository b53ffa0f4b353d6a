//! What the kernel says of the rules in a namespace, without starting a program.

use std::io;

use netlink_sys::protocols::NETLINK_NETFILTER;

use super::message::Message;
use crate::{
    HostError,
    netlink::{Attributes, Conversation},
};

// linux/netfilter/nf_tables.h
const GET_TABLE: u16 = 1;
const GET_CHAIN: u16 = 4;
const GET_RULE: u16 = 7;
const GET_SET: u16 = 10;
const GET_ELEMENTS: u16 = 13;
const GET_GENERATION: u16 = 16;
const TABLE_NAME: u16 = 1;
const TABLE_USE: u16 = 3;
const TABLE_HANDLE: u16 = 4;
const TABLE_PAD: u16 = 5;
const CHAIN_TABLE: u16 = 1;
const CHAIN_HANDLE: u16 = 2;
const CHAIN_USE: u16 = 6;
const CHAIN_PAD: u16 = 9;
const RULE_TABLE: u16 = 1;
const RULE_HANDLE: u16 = 3;
const RULE_POSITION: u16 = 6;
const RULE_PAD: u16 = 8;
const SET_TABLE: u16 = 1;
const SET_PAD: u16 = 14;
const SET_HANDLE: u16 = 16;
/// How the kernel keeps it, and how many elements there are: both since 6.16.
const SET_TYPE: u16 = 19;
const SET_COUNT: u16 = 20;
const ELEMENTS_TABLE: u16 = 1;
const ELEMENTS_SET: u16 = 2;
const ELEMENTS: u16 = 3;
const ELEMENT: u16 = 1;
const ELEMENT_KEY: u16 = 1;
const ELEMENT_DATA: u16 = 2;
const DATA_VALUE: u16 = 1;
const GENERATION_ID: u16 = 1;

/// A family of tables, as the kernel numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Inet = 1,
    Bridge = 7,
}

/// A table with its chains, rules and sets, as the kernel has them, without what differs between
/// two that are alike: handles and counts. Elements of named sets are not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableDump(Vec<(u16, Vec<u8>)>);

/// A conversation about the rules of the namespace of the thread that opened it.
#[derive(Debug)]
pub(crate) struct Rules {
    conversation: Conversation,
}

impl Rules {
    pub(crate) fn open() -> Result<Self, HostError> {
        let opened = Conversation::open(NETLINK_NETFILTER)
            .map_err(|error| HostError::system("open a netlink socket for rules", error))?;
        Ok(Self { conversation: opened })
    }

    /// Grows with every change of any rule of the namespace, whoever makes it.
    pub(crate) fn generation(&mut self) -> Result<u32, HostError> {
        let failed = |error| HostError::system("ask for the generation of rules", error);
        let answer = self.conversation.get(Message::new(GET_GENERATION, 0)).map_err(failed)?;
        let answer: Message = answer.ok_or_else(|| failed(io::ErrorKind::UnexpectedEof.into()))?;
        let id = answer.attributes().find(GENERATION_ID).and_then(|id| id.try_into().ok());
        id.map(u32::from_be_bytes).ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))
    }

    /// The table, if it is there.
    pub(crate) fn table(
        &mut self,
        family: Family,
        name: &str,
    ) -> Result<Option<TableDump>, HostError> {
        let parts = [
            (GET_TABLE, TABLE_NAME, [TABLE_HANDLE, TABLE_USE, TABLE_PAD].as_slice()),
            (GET_SET, SET_TABLE, &[SET_HANDLE, SET_PAD, SET_TYPE, SET_COUNT]),
            (GET_CHAIN, CHAIN_TABLE, &[CHAIN_HANDLE, CHAIN_USE, CHAIN_PAD]),
            (GET_RULE, RULE_TABLE, &[RULE_HANDLE, RULE_POSITION, RULE_PAD]),
        ];
        let mut dump = Vec::new();
        for (kind, of_table, differing) in parts {
            for message in self.list(Message::new(kind, family as u8).text(of_table, name))? {
                // Kernels that do not filter by table give those of all.
                if message.attributes().find(of_table).is_some_and(|found| is_text(found, name)) {
                    dump.push((message.kind, without(&message, differing)));
                }
            }
        }
        Ok((!dump.is_empty()).then_some(TableDump(dump)))
    }

    /// The elements of a set, sorted; of a map, each key with its value behind it.
    pub(crate) fn elements(
        &mut self,
        family: Family,
        table: &str,
        set: &str,
    ) -> Result<Vec<Vec<u8>>, HostError> {
        let question = Message::new(GET_ELEMENTS, family as u8)
            .text(ELEMENTS_TABLE, table)
            .text(ELEMENTS_SET, set);
        let mut elements = Vec::new();
        for message in self.list(question)? {
            let list = message.attributes().find(ELEMENTS).unwrap_or_default();
            for (_, element) in Attributes::of(list).filter(|(kind, _)| *kind == ELEMENT) {
                let value = |kind| {
                    let data = Attributes::of(element).find(kind)?;
                    Attributes::of(data).find(DATA_VALUE)
                };
                let data = value(ELEMENT_DATA).unwrap_or_default();
                elements.extend(value(ELEMENT_KEY).map(|key| [key, data].concat()));
            }
        }
        elements.sort_unstable();
        Ok(elements)
    }

    fn list(&mut self, question: Message) -> Result<Vec<Message>, HostError> {
        match self.conversation.list(question) {
            // No such table or set.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed.map_err(|error| HostError::system("list rules", error)),
        }
    }
}

fn is_text(content: &[u8], text: &str) -> bool {
    content.strip_suffix(&[0]).unwrap_or(content) == text.as_bytes()
}

fn without(message: &Message, differing: &[u16]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.attributes.len());
    for (kind, content) in message.attributes().filter(|(kind, _)| !differing.contains(kind)) {
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(u16::try_from(content.len()).unwrap_or(u16::MAX).to_ne_bytes());
        bytes.extend(content);
    }
    bytes
}
