/** A certificate that nobody is to trust: of a server that the command itself asks, on this machine, and once. */
import { generateKeyPairSync, sign } from "node:crypto";

/** Key in PEM, certificate in PEM. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/* Types of ASN.1, by their tags in DER. */
const INTEGER = 2, BIT_STRING = 3, OCTET_STRING = 4, NULL_NAME = 0x30, SEQUENCE = 0x30, UTC_TIME = 0x17;
const VERSION = 0xa0, EXTENSIONS = 0xa3, DNS_NAME = 0x82;

/** 1.2.840.10045.4.3.2, ecdsa-with-SHA256, and 2.5.29.17, subjectAltName. */
const ECDSA_WITH_SHA256 = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], SUBJECT_ALT_NAME = [6, 3, 0x55, 0x1d, 0x11];

/** A value of ASN.1 in DER: its tag, its length and its content. */
function der(tag: number, ...parts: readonly (readonly number[] | Uint8Array)[]): number[] {
  const content = parts.flatMap((part) => [...part]), { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return [tag, ...size, ...content];
}

const text = (value: string) => new TextEncoder().encode(value);

/** Makes a key and a certificate for `localhost`, signed by itself (RFC 5280 section 4.1), which is valid to 2049. */
export function throwawayCertificate(): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = der(SEQUENCE, ECDSA_WITH_SHA256), nobody = der(NULL_NAME);
  const names = der(SEQUENCE, der(DNS_NAME, text("localhost")));
  const content = der(
    SEQUENCE,
    der(VERSION, der(INTEGER, [2])),
    der(INTEGER, [1]),
    algorithm,
    nobody,
    der(SEQUENCE, der(UTC_TIME, text("250101000000Z")), der(UTC_TIME, text("491231235959Z"))),
    nobody,
    publicKey.export({ type: "spki", format: "der" }),
    der(EXTENSIONS, der(SEQUENCE, der(SEQUENCE, SUBJECT_ALT_NAME, der(OCTET_STRING, names)))),
  );
  const signature = sign("sha256", Uint8Array.from(content), privateKey);
  const certificate = der(SEQUENCE, content, algorithm, der(BIT_STRING, [0], signature));
  const base64 = btoa(String.fromCharCode(...certificate)).replace(/.{64}/g, "$&\n");
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
  };
}
