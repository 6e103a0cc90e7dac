;; Masks a payload in place, RFC 6455 section 5.3: 64, 16, 4 and then 1 byte at a time.
;; scripts/mask_kernel.ts compiles it into src/protocol/mask_kernel.ts.
(module
  (import "memory" "of" (memory 0))

  ;; Bytes [from, to), XORed with the key, whose first byte is the lowest.
  (func (export "mask") (param $from i32) (param $to i32) (param $key i32)
    (local $keys v128)
    (local $end i32)
    (local.set $keys (i32x4.splat (local.get $key)))

    (local.set $end (i32.and (i32.sub (local.get $to) (local.get $from)) (i32.const -64)))
    (local.set $end (i32.add (local.get $from) (local.get $end)))
    (block $done
      (loop $more
        (br_if $done (i32.eq (local.get $from) (local.get $end)))
        (v128.store (local.get $from) (v128.xor (v128.load (local.get $from)) (local.get $keys)))
        (v128.store offset=16 (local.get $from) (v128.xor (v128.load offset=16 (local.get $from)) (local.get $keys)))
        (v128.store offset=32 (local.get $from) (v128.xor (v128.load offset=32 (local.get $from)) (local.get $keys)))
        (v128.store offset=48 (local.get $from) (v128.xor (v128.load offset=48 (local.get $from)) (local.get $keys)))
        (local.set $from (i32.add (local.get $from) (i32.const 64)))
        (br $more)))

    (local.set $end (i32.and (i32.sub (local.get $to) (local.get $from)) (i32.const -16)))
    (local.set $end (i32.add (local.get $from) (local.get $end)))
    (block $done
      (loop $more
        (br_if $done (i32.eq (local.get $from) (local.get $end)))
        (v128.store (local.get $from) (v128.xor (v128.load (local.get $from)) (local.get $keys)))
        (local.set $from (i32.add (local.get $from) (i32.const 16)))
        (br $more)))

    (local.set $end (i32.and (i32.sub (local.get $to) (local.get $from)) (i32.const -4)))
    (local.set $end (i32.add (local.get $from) (local.get $end)))
    (block $done
      (loop $more
        (br_if $done (i32.eq (local.get $from) (local.get $end)))
        (i32.store (local.get $from) (i32.xor (i32.load (local.get $from)) (local.get $key)))
        (local.set $from (i32.add (local.get $from) (i32.const 4)))
        (br $more)))

    (block $done
      (loop $more
        (br_if $done (i32.eq (local.get $from) (local.get $to)))
        (i32.store8 (local.get $from) (i32.xor (i32.load8_u (local.get $from)) (local.get $key)))
        (local.set $key (i32.shr_u (local.get $key) (i32.const 8)))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        (br $more)))))
