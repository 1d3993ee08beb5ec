// `node --require` this: it moves the clock of the storage emulator as sitecustomize.py does for Python.
const shift = Number(process.env.DEVKIT_CLOCK_SHIFT || 0) * 1000;
const RealDate = Date;

class ShiftedDate extends RealDate {
  constructor(...values) {
    if (values.length === 0) super(RealDate.now() + shift);
    else super(...values);
  }
  static now() {
    return RealDate.now() + shift;
  }
}

// called without `new`, Date returns a text: a class alone would throw
globalThis.Date = new Proxy(ShiftedDate, { apply: () => new ShiftedDate().toString() });
