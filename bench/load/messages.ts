/** Messages like those of a screener's feed: JSON whose names repeat and whose numbers do not. */

/** Random numbers from a seed, so that every peer gets the same messages. */
export function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const random = makeRandom(42);

/** One update of a trading pair, about 640 bytes. */
export function jsonMessage(sequence: number): string {
  const id = Math.floor(random() * 400);
  const window = () => ({ buys: Math.floor(random() * 90), sells: Math.floor(random() * 90) });
  const money = (scale: number) => Math.round(random() * scale * 100) / 100;
  return JSON.stringify({
    type: "pair",
    sequence,
    chainId: ["solana", "ethereum", "base", "bsc"][id % 4],
    pairAddress: `0x${(id * 2654435761 >>> 0).toString(16).padStart(40, "0")}`,
    baseToken: { symbol: `TKN${id}`, name: `Token number ${id}` },
    quoteToken: { symbol: "USDC" },
    priceUsd: (0.01 + random()).toFixed(8),
    txns: { m5: window(), h1: window(), h24: window() },
    volume: { m5: money(1e4), h1: money(1e5), h6: money(1e6), h24: money(1e7) },
    priceChange: { m5: money(10) - 5, h1: money(20) - 10, h6: money(40) - 20, h24: money(80) - 40 },
    liquidity: { usd: money(1e6), base: money(1e6), quote: money(1e4) },
    updatedAt: 1_700_000_000_000 + sequence * 7,
  });
}
