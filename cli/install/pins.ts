/** The pinned versions and their digests. To update one, change only this file. */

/** The platforms with libraries: an operating system and an architecture as `src/platform/runtime.ts` names them. */
export type Platform = `${"linux" | "darwin" | "windows"}-${"x64" | "arm64"}${"" | "-musl"}`;

/** A wheel on the Python Package Index. */
export interface Wheel {
  readonly file: string;
  /** Its platform tag, by which pip finds it. */
  readonly tag: string;
  readonly sha256: string;
}

/**
 * The wheels of pycurl, which contain libcurl and all that it needs. There is none for musl: those distributions have a libcurl
 * in their package manager.
 */
export const PYCURL = {
  project: "pycurl",
  version: "7.49.0",
  /** The libcurl inside. */
  libcurl: "8.23.0",
  /** The wheels' version of Python. Any would do, as only libcurl is used. */
  python: { version: "3.12", abi: "cp312" },
} as const;

export const WHEELS: Readonly<Partial<Record<Platform, Wheel>>> = {
  "linux-x64": wheel(
    "manylinux_2_28_x86_64",
    "b02ca356fb9aaced336a2b5ecd74f5eb1896442ddbfb47250e5cddb2b8578fab",
  ),
  "linux-arm64": wheel(
    "manylinux_2_28_aarch64",
    "8aa63c7f2d8451681d7f709a097d3df14ce335aa8a1321499d9cd2c7e35a4a18",
  ),
  "darwin-x64": wheel("macosx_10_13_x86_64", "575d6d5d6e0c00577f81dfcbd696c27d824130abae2be9be167a4bfbdfc86c61"),
  "darwin-arm64": wheel("macosx_11_0_arm64", "2769aa99dac37856dba3c432eccd0585e1fa98735cb64b0c52f5ed552120a0d9"),
  "windows-x64": wheel("win_amd64", "e4062a52f378a2f0e6c0da4571fa0a676dd59681869d5645354caf56bba1c906"),
  "windows-arm64": wheel("win_arm64", "5b8247cc5f76ce37ced12ec5f25d11f6e4b5d87795dc5b4891b48aac70a7c2ff"),
};

function wheel(tag: string, sha256: string): Wheel {
  const { project, version, python } = PYCURL;
  return { file: `${project}-${version}-${python.abi}-${python.abi}-${tag}.whl`, tag, sha256 };
}

/** The release of lexiforest/curl-impersonate, which publishes no digests beside its files. */
export const IMPERSONATE = { repository: "lexiforest/curl-impersonate", version: "1.5.6" } as const;

/** The name of a release's file for a platform. */
export const IMPERSONATE_HOSTS: Readonly<Partial<Record<Platform, string>>> = {
  "linux-x64": "x86_64-linux-gnu",
  "linux-arm64": "aarch64-linux-gnu",
  "linux-x64-musl": "x86_64-linux-musl",
  "linux-arm64-musl": "aarch64-linux-musl",
  "darwin-x64": "x86_64-macos",
  "darwin-arm64": "arm64-macos",
  "windows-x64": "x86_64-win32",
  "windows-arm64": "arm64-win32",
};

/** Digests of that version's files. Another file's comes from GitHub's API. */
export const IMPERSONATE_DIGESTS: Readonly<Partial<Record<Platform, string>>> = {
  "linux-x64": "f07e25084020c54d6fd5654c8d458e09b3a44c312f88e480c255399f00487b25",
  "linux-arm64": "b4e4f713655616efd2be83153d9057b5961c15e34563dde09a8b6798a8b331e9",
  "darwin-x64": "05589344cac1ef5aaee89397c2070e45f12eeeba4f0cfba79780a28c46d8a751",
  "darwin-arm64": "00f89f687d9940d13642af90fd192d976897ffd35828e3d859d3fd02cf7fb31f",
  "windows-x64": "fe8ce2488d5467fda6061b8b130b5834bc30cdfff40712692e8c5685dbbda6c7",
  "windows-arm64": "bf8e04e5162b1cf13ec5bac94b97f11fad3eca1125ecb73bdfe142cbe65d2590",
};
