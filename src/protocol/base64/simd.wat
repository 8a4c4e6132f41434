;; Base64 of RFC 4648, sixteen characters at a time. `npm run wasm` makes
;; simd-module.ts of this file.
;;
;; Of the memory, the constants below are this module's; the rest is simd.ts's to
;; divide. Both functions want at least one byte to work on, and read and write
;; whole vectors: up to 15 bytes behind the end of either must be nobody else's.
;;
;; Constants are loaded before the loops: written into them, Node 26 makes them
;; anew for each vector, which takes as long as the work. A loop that asks at its
;; beginning whether there is more is slower by a third.
(module
  (memory (export "memory") 6 6)

  (data (i32.const 0)
    ;; Decoding. A bit for each group of characters that have their upper half in
    ;; common, and for each lower half the groups in which it stands for nothing.
    "\10\10\01\02\04\08\04\08\10\10\10\10\10\10\10\10"   ;; 0: upper halves
    "\15\11\11\11\11\11\11\11\11\11\13\1a\1b\1b\1b\1a"   ;; 16: lower halves
    ;; 32: what to add to a character, by its upper half; `/` takes the place
    ;; before that of `+`.
    "\00\10\13\04\bf\bf\b9\b9\00\00\00\00\00\00\00\00"
    "\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f"   ;; 48
    "////////////////"                                   ;; 64
    "\ff\00\ff\00\ff\00\ff\00\ff\00\ff\00\ff\00\ff\00"   ;; 80
    "\00\10\01\00\00\10\01\00\00\10\01\00\00\10\01\00"   ;; 96: times 4096, times 1
    ;; Encoding. Which bits of b a c b are sextets; how far they have to go.
    "\00\fc\00\00\00\fc\00\00\00\fc\00\00\00\fc\00\00"   ;; 112
    "\00\00\c0\0f\00\00\c0\0f\00\00\c0\0f\00\00\c0\0f"   ;; 128
    "\f0\03\3f\00\f0\03\3f\00\f0\03\3f\00\f0\03\3f\00"   ;; 144
    "\10\00\00\01\10\00\00\01\10\00\00\01\10\00\00\01"   ;; 160: times 16, times 256
    "\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33"   ;; 176: 51
    "\1a\1a\1a\1a\1a\1a\1a\1a\1a\1a\1a\1a\1a\1a\1a\1a"   ;; 192: 26
    "\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d"   ;; 208: 13
    ;; 224: what to add to a sextet, by its group: 0 small letters, 1 to 10 digits,
    ;; 11 `+`, 12 `/`, 13 capital letters.
    "\47\fc\fc\fc\fc\fc\fc\fc\fc\fc\fc\ed\f0\41\00\00")

  ;; Decodes `length` characters, a multiple of 16 and without padding, into
  ;; three quarters as many bytes. Returns other than 0 when one of them is none
  ;; of the alphabet.
  (func (export "decode") (param $from i32) (param $length i32) (param $to i32) (result i32)
    (local $end i32)
    (local $chars v128)
    (local $upper v128)   ;; the upper half of each character
    (local $sextets v128)
    (local $wrong v128)
    (local $groups v128)
    (local $mistakes v128)
    (local $distance v128)
    (local $lower_half v128)
    (local $slashes v128)
    (local $every_other v128)
    (local $to_24_bits v128)
    (local.set $groups (v128.load (i32.const 0)))
    (local.set $mistakes (v128.load (i32.const 16)))
    (local.set $distance (v128.load (i32.const 32)))
    (local.set $lower_half (v128.load (i32.const 48)))
    (local.set $slashes (v128.load (i32.const 64)))
    (local.set $every_other (v128.load (i32.const 80)))
    (local.set $to_24_bits (v128.load (i32.const 96)))
    (local.set $end (i32.add (local.get $from) (local.get $length)))
    (loop $next
      (local.set $chars (v128.load (local.get $from)))
      (local.set $upper (i8x16.shr_u (local.get $chars) (i32.const 4)))
      (local.set $wrong
        (v128.or
          (local.get $wrong)
          (v128.and
            (i8x16.swizzle
              (local.get $mistakes)
              (v128.and (local.get $chars) (local.get $lower_half)))
            (i8x16.swizzle (local.get $groups) (local.get $upper)))))
      (local.set $sextets
        (i8x16.add
          (local.get $chars)
          (i8x16.swizzle
            (local.get $distance)
            (i8x16.add
              (i8x16.eq (local.get $chars) (local.get $slashes))
              (local.get $upper)))))

      ;; Two sextets to twelve bits, two of those to the 24 of three bytes.
      (local.set $sextets
        (i32x4.dot_i16x8_s
          (v128.or
            (i16x8.shl (v128.and (local.get $sextets) (local.get $every_other)) (i32.const 6))
            (i16x8.shr_u (local.get $sextets) (i32.const 8)))
          (local.get $to_24_bits)))
      (v128.store
        (local.get $to)
        (i8x16.shuffle 2 1 0 6 5 4 10 9 8 14 13 12 12 12 12 12
          (local.get $sextets)
          (local.get $sextets)))

      (local.set $from (i32.add (local.get $from) (i32.const 16)))
      (local.set $to (i32.add (local.get $to) (i32.const 12)))
      (br_if $next (i32.lt_u (local.get $from) (local.get $end))))
    (v128.any_true (local.get $wrong)))

  ;; Encodes `length` bytes, as if the ones behind them belonged to them up to a
  ;; multiple of 12. Padding is left to the caller.
  (func (export "encode") (param $from i32) (param $length i32) (param $to i32)
    (local $end i32)
    (local $bytes v128)
    (local $sextets v128)
    (local $group v128)
    (local $first v128)
    (local $second v128)
    (local $others v128)
    (local $others_go v128)
    (local $last_letter v128)
    (local $first_small v128)
    (local $capitals v128)
    (local $distance v128)
    (local.set $first (v128.load (i32.const 112)))
    (local.set $second (v128.load (i32.const 128)))
    (local.set $others (v128.load (i32.const 144)))
    (local.set $others_go (v128.load (i32.const 160)))
    (local.set $last_letter (v128.load (i32.const 176)))
    (local.set $first_small (v128.load (i32.const 192)))
    (local.set $capitals (v128.load (i32.const 208)))
    (local.set $distance (v128.load (i32.const 224)))
    (local.set $end (i32.add (local.get $from) (local.get $length)))
    (loop $next
      ;; Three bytes a, b, c to the four b, a, c, b: each sextet lies within one
      ;; half of them.
      (local.set $bytes (v128.load (local.get $from)))
      (local.set $bytes
        (i8x16.shuffle 1 0 2 1 4 3 5 4 7 6 8 7 10 9 11 10 (local.get $bytes) (local.get $bytes)))
      (local.set $sextets
        (v128.or
          (v128.or
            (i32x4.shr_u (v128.and (local.get $bytes) (local.get $first)) (i32.const 10))
            (i32x4.shr_u (v128.and (local.get $bytes) (local.get $second)) (i32.const 6)))
          (i16x8.mul (v128.and (local.get $bytes) (local.get $others)) (local.get $others_go))))
      (local.set $group
        (v128.or
          (i8x16.sub_sat_u (local.get $sextets) (local.get $last_letter))
          (v128.and
            (i8x16.lt_s (local.get $sextets) (local.get $first_small))
            (local.get $capitals))))
      (v128.store
        (local.get $to)
        (i8x16.add
          (local.get $sextets)
          (i8x16.swizzle (local.get $distance) (local.get $group))))

      (local.set $from (i32.add (local.get $from) (i32.const 12)))
      (local.set $to (i32.add (local.get $to) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $from) (local.get $end))))))
