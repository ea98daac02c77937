import time
from tests.test_tracking import *
from tests.conftest import *
from app.routers.v1 import partner as _p
async def test_plan(system: System):
    customer, dispatch = await a_customer(system), await system.dispatch("native","kuaidi100","sf")
    numbers=[a_number() for _ in range(1000)]
    await known(system, customer, numbers)
    items=[{**e,"tracking_no":n} for n in numbers for e in STORY]
    for i in range(0,len(items),1000): await push(dispatch, items[i:i+1000])
    await system.drain()
    partner=await system.partner(customer["id"])
    q=[("tracking_no",n) for n in numbers[:40]]
    async def go(label):
        for _ in range(3):
            t=time.time(); r=await partner.get("/v1/partner/shipments", params=q); print(label, round(time.time()-t,3), r.status_code, len(r.content))
    await go("before")
    from sqlalchemy import text
    src = await system.scalar("SELECT prosrc FROM pg_proc WHERE proname='partner_shipments'")
    body = src[src.index("WITH asked"):src.rindex(");")]
    body = body[:body.rindex(")::text")]+")::text"
    body = body.replace("numbers)", "CAST(:numbers AS text[]))",1).replace("ANY (mine)","ANY (CAST(:mine AS uuid[]))").replace("CASE language","CASE 'zh'")
    async def explain(label):
        async with system.database.sessions.begin() as s:
            await s.execute(text("SET LOCAL ROLE crm_partner"))
            await s.execute(text("SELECT set_config('crm.customer_ids', :v, true)"),{"v":"{"+customer["id"]+"}"})
            rows=await s.execute(text("EXPLAIN (ANALYZE, TIMING OFF) "+body.replace("::text","").replace("::json","")),{"numbers":numbers[:40],"mine":[customer["id"]]})
            print(label); print("\n".join(r[0] for r in rows))
    try: await explain("PLAN before")
    except Exception as e: print("explain failed", str(e)[:600])
    from app.database import owner_engine
    eng=owner_engine(system.settings)
    async with eng.begin() as c: await c.execute(text("ANALYZE"))
    await eng.dispose()
    await go("after analyze")
    try: await explain("PLAN after")
    except Exception as e: print("explain failed", str(e)[:600])
