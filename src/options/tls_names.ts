/**
 * The parts of a ClientHello by their numbers, as IANA's registries "TLS Parameters" and "TLS ExtensionType Values" name them.
 * Of ciphers, groups and signature algorithms these are all that a libcurl-impersonate of 2026 can offer, and none else.
 */

/** Ciphers, by the names that BoringSSL takes. */
export const CIPHERS: ReadonlyMap<number, string> = new Map([
  [0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"],
  [0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"],
  [0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"],
  [0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"],
  [0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"],
  [0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256"],
  [0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256"],
  [0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"],
  [0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"],
  [0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"],
  [0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384"],
  [0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"],
  [0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"],
  [0x1301, "TLS_AES_128_GCM_SHA256"],
  [0x1302, "TLS_AES_256_GCM_SHA384"],
  [0x1303, "TLS_CHACHA20_POLY1305_SHA256"],
  [0xc008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"],
  [0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"],
  [0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"],
  [0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"],
  [0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"],
  [0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"],
  [0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"],
  [0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"],
  [0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"],
  [0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"],
  [0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
  [0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"],
  [0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
  [0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"],
  [0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"],
  [0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"],
]);

/** Supported groups, which JA3 calls curves, by the names that BoringSSL takes. */
export const GROUPS: ReadonlyMap<number, string> = new Map([
  [23, "P-256"],
  [24, "P-384"],
  [25, "P-521"],
  [29, "X25519"],
  [256, "ffdhe2048"],
  [257, "ffdhe3072"],
  [4588, "X25519MLKEM768"],
  [25497, "X25519Kyber768Draft00"],
]);

/** Signature schemes, by the names of RFC 8446. */
export const SIGNATURE_ALGORITHMS: ReadonlyMap<number, string> = new Map([
  [0x0201, "rsa_pkcs1_sha1"],
  [0x0203, "ecdsa_sha1"],
  [0x0401, "rsa_pkcs1_sha256"],
  [0x0403, "ecdsa_secp256r1_sha256"],
  [0x0501, "rsa_pkcs1_sha384"],
  [0x0503, "ecdsa_secp384r1_sha384"],
  [0x0601, "rsa_pkcs1_sha512"],
  [0x0603, "ecdsa_secp521r1_sha512"],
  [0x0804, "rsa_pss_rsae_sha256"],
  [0x0805, "rsa_pss_rsae_sha384"],
  [0x0806, "rsa_pss_rsae_sha512"],
  [0x0807, "ed25519"],
  [0x0904, "mldsa44"],
  [0x0905, "mldsa65"],
  [0x0906, "mldsa87"],
]);

/** How a certificate may be compressed, RFC 8879. */
export const COMPRESSIONS: ReadonlyMap<number, string> = new Map([[1, "zlib"], [2, "brotli"], [3, "zstd"]]);

/** Extensions by number, those that the code looks at. */
export const EXTENSION = {
  serverName: 0,
  statusRequest: 5,
  supportedGroups: 10,
  pointFormats: 11,
  signatureAlgorithms: 13,
  alpn: 16,
  signedCertificateTimestamp: 18,
  padding: 21,
  compressCertificate: 27,
  recordSizeLimit: 28,
  delegatedCredential: 34,
  sessionTicket: 35,
  preSharedKey: 41,
  supportedVersions: 43,
  keyShare: 51,
  oldAlps: 17513,
  alps: 17613,
  encryptedClientHello: 65037,
} as const;

/** The names of extensions, for messages. 17513 and 17613 are Chrome's drafts of ALPS, 13172 is NPN's. */
const EXTENSIONS: ReadonlyMap<number, string> = new Map([
  [0, "server_name"],
  [5, "status_request"],
  [10, "supported_groups"],
  [11, "ec_point_formats"],
  [13, "signature_algorithms"],
  [16, "application_layer_protocol_negotiation"],
  [17, "status_request_v2"],
  [18, "signed_certificate_timestamp"],
  [21, "padding"],
  [22, "encrypt_then_mac"],
  [23, "extended_master_secret"],
  [27, "compress_certificate"],
  [28, "record_size_limit"],
  [34, "delegated_credential"],
  [35, "session_ticket"],
  [41, "pre_shared_key"],
  [42, "early_data"],
  [43, "supported_versions"],
  [44, "cookie"],
  [45, "psk_key_exchange_modes"],
  [49, "post_handshake_auth"],
  [50, "signature_algorithms_cert"],
  [51, "key_share"],
  [57, "quic_transport_parameters"],
  [13172, "next_protocol_negotiation"],
  [17513, "application_settings"],
  [17613, "application_settings"],
  [51764, "trust_anchors"],
  [65037, "encrypted_client_hello"],
  [65281, "renegotiation_info"],
]);

function shown(number: number, name: string | undefined): string {
  return name === undefined ? String(number) : `${number} (${name})`;
}

/** A cipher for a message: `49195 (TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)`. */
export const shownCipher = (cipher: number): string => shown(cipher, CIPHERS.get(cipher));
/** A group for a message: `29 (X25519)`. */
export const shownGroup = (group: number): string => shown(group, GROUPS.get(group));
/** An extension for a message: `35 (session_ticket)`. */
export const shownExtension = (extension: number): string => shown(extension, EXTENSIONS.get(extension));
/** A signature algorithm for a message: `ed25519`, or its number if it has no name here. */
export const shownSignature = (algorithm: number): string =>
  SIGNATURE_ALGORITHMS.get(algorithm) ?? `0x${algorithm.toString(16).padStart(4, "0")}`;

/** Returns whether a number is one of those that RFC 8701 reserves, and clients put in at random. */
export function isGrease(number: number): boolean {
  return (number & 0x0f0f) === 0x0a0a && number >> 8 === (number & 0xff);
}
