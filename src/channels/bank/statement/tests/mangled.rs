//! Any bytes: nothing panics, and what is read keeps its promises.

use proptest::prelude::*;

use super::*;

fn samples() -> Vec<Vec<u8>> {
    let camt = [
        balance("OPBD", "10.00", "DBIT"),
        balance("CLBD", "90", "CRDT"),
        entry(
            "10",
            "CRDT",
            "<AcctSvcrRef>B</AcctSvcrRef><NtryDtls><TxDtls><Amt Ccy=\"CNY\">4</Amt></TxDtls><TxDtls><Refs>\
             <EndToEndId>E</EndToEndId></Refs><Amt Ccy=\"CNY\">6.00000</Amt><RmtInf><Ustrd>房租</Ustrd></RmtInf>\
             </TxDtls></NtryDtls>",
        ),
    ];
    let mt = ":20:X\n:25:1\n:28C:1/1\n:60F:C261120EUR1000,00\n:61:2602300301RCR119,5NTRFKREF//B26\nmore\n\
              :86:166?00G?20EREF+E?21SVWZ+R IBAN+DE?32M\n:61:261122D1,NTRFX\n:86:/EREF/1/REMI/x\n:62F:D261123EUR9,\n-\n";
    let table = "账号：12345678\n交易时间,收入金额,支出金额,账户余额,对方账号,对方户名,交易用途\n\
                 2026-11-22 08:00:00,\"1,010.00\",--,\"1,010.00\",6228,钱七,x\n20261122,,-7,1017,,,冲正\n总收入\n";
    vec![
        message(53, "02", &camt.concat()).into_bytes(),
        message(54, "08", &camt.concat()).into_bytes(),
        mt.as_bytes().to_vec(),
        table.as_bytes().to_vec(),
        encoding_rs::GB18030.encode(table).0.into_owned(),
    ]
}

fn formats() -> Vec<Format> {
    let ready = MappingChoice::NAMES.map(|n| MappingChoice::Ready(n.to_owned()).mapping().unwrap());
    [Format::Auto, Format::Camt, Format::Mt].into_iter().chain(ready.map(|m| Format::Csv(Box::new(m)))).collect()
}

/// What must hold of all that is read; errors must be short and say something.
fn promises(bytes: &[u8]) -> Result<(), TestCaseError> {
    for format in formats() {
        match read_statement(bytes, &format) {
            Ok(file) => {
                prop_assert!(!file.statements.is_empty());
                for statement in &file.statements {
                    let mut seen = std::collections::HashSet::new();
                    for line in &statement.lines {
                        prop_assert!(line.amount.minor > 0);
                        prop_assert!(!line.identity.is_empty() && line.identity.len() < 1_000);
                        prop_assert!(seen.insert(&line.identity), "two lines with one identity: {}", line.identity);
                        prop_assert!(line.text.chars().count() <= 10_000);
                    }
                }
                prop_assert_eq!(read_statement(bytes, &format).unwrap(), file);
            }
            Err(error) => {
                let text = error.to_string();
                prop_assert!(text.len() > 10 && text.len() < 2_000, "{text}");
            }
        }
    }
    Ok(())
}

#[test]
fn the_samples_are_read() {
    for sample in samples() {
        let file = read(&sample, &Format::Auto);
        assert!(file.statements.iter().map(|s| s.lines.len()).sum::<usize>() >= 2);
        promises(&sample).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_samples_never_panic(
        which in 0_usize..5,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..8),
    ) {
        let mut bytes = samples().swap_remove(which);
        for (at, byte, how) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => { bytes.remove(at); }
                // Something that the formats know, in another place.
                _ => {
                    let words: [&[u8]; 8] = [b"<", b"</Ntry>", b"\n:61:", b"?20", b"//", b",", b"\n", b"&#x0;"];
                    let word = words[usize::from(byte) % words.len()];
                    bytes.splice(at..at, word.iter().copied());
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        promises(&bytes)?;
    }

    #[test]
    fn cut_samples_never_panic(which in 0_usize..5, at: prop::sample::Index) {
        let bytes = samples().swap_remove(which);
        promises(&bytes[..at.index(bytes.len())])?;
    }

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        promises(&bytes)?;
        promises(&[b"PK\x03\x04".as_slice(), &bytes].concat())?;
        promises(&[b":20:a\n:25:b\n:60F:".as_slice(), &bytes].concat())?;
    }
}
