from floodmark.runtime.awake import STEP, Awake


def test_it_goes_on_while_somebody_looks_and_stands_still_while_nobody_can():
    now = [100.0]
    awake = Awake(lambda: now[0])
    for _ in range(20):
        now[0] += 0.5
        awake()
    assert awake() == 10.0
    now[0] += 3600.0
    assert awake() == 10.0 + STEP
    assert awake() == 10.0 + STEP
