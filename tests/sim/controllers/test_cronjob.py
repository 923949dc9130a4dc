"""CronJobs over simulated days: Jobs at their times, policies, history, missed starts."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.clock import parse_timestamp, timestamp
from lab.sim.controllers.cronjob import CronJobController
from lab.sim.controllers.job import JobController
from tests.sim.controllers.running import Running, running, set_spec, template

Object = dict[str, Any]


def cron_job(schedule: str = "0 * * * *", image: str = "quick", **spec: Any) -> Object:
    job = {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 0,
        "template": template({"app": "report"}, image, restartPolicy="Never"),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "report"},
        "spec": {
            "schedule": schedule,
            "concurrencyPolicy": "Allow",
            "suspend": False,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
            "jobTemplate": {"metadata": {"labels": {"made": "by-cron"}}, "spec": job},
            **spec,
        },
    }


async def starts(cluster: Running) -> list[str]:
    """Times of day at which Jobs were made, from their names."""
    names = [text.removeprefix("Created job report-") for text in cluster.said("SuccessfulCreate") if "job" in text]
    return [timestamp(int(minutes) * 60)[11:16] for minutes in names]


async def test_a_day_of_an_hourly_schedule() -> None:
    async with running(CronJobController, JobController) as cluster:
        cluster.ends["quick"] = 0
        await cluster.create("cronjobs.batch", cron_job("30 */4 * * *"))
        begin = cluster.cluster.clock.now()
        await cluster.advance(24 * 3600, step=600)
        found = await starts(cluster)
        jobs = await cluster.list("jobs.batch")
        made = await cluster.get("cronjobs.batch", "report")
    assert timestamp(begin).endswith("08:00:00Z")
    assert found == ["08:30", "12:30", "16:30", "20:30", "00:30", "04:30"]
    assert len(jobs) == 3
    job = jobs[-1]
    at = parse_timestamp(job["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"])
    assert job["metadata"]["name"] == f"report-{int(at) // 60}"
    assert job["metadata"]["labels"]["made"] == "by-cron"
    assert job["metadata"]["ownerReferences"][0]["kind"] == "CronJob"
    assert made["status"]["lastScheduleTime"] == timestamp(at)
    assert parse_timestamp(made["status"]["lastSuccessfulTime"]) >= at
    assert "active" not in made["status"]
    assert "Saw completed job: " + job["metadata"]["name"] + ", condition: Complete" in cluster.said("SawCompletedJob")


async def test_a_time_zone_moves_the_times() -> None:
    async with running(CronJobController, JobController) as cluster:
        cluster.ends["quick"] = 0
        await cluster.create("cronjobs.batch", cron_job("0 3 * * *", timeZone="America/New_York"))
        await cluster.advance(2 * 24 * 3600 + 60, step=3600)
        assert await starts(cluster) == ["08:00", "08:00"]
        job = (await cluster.list("jobs.batch"))[0]
        at = job["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"]
        assert at.endswith("T03:00:00-05:00")


POLICIES = [("Allow", 3, 3), ("Forbid", 1, 1), ("Replace", 3, 1)]


@pytest.mark.parametrize(("policy", "made", "active"), POLICIES)
async def test_what_happens_while_the_last_job_still_runs(policy: str, made: int, active: int) -> None:
    async with running(CronJobController, JobController) as cluster:
        await cluster.create("cronjobs.batch", cron_job("*/5 * * * *", "slow", concurrencyPolicy=policy))
        await cluster.advance(16 * 60, step=60)
        assert len(await starts(cluster)) == made
        status = (await cluster.get("cronjobs.batch", "report"))["status"]
        assert len(status["active"]) == active
        jobs = {job["metadata"]["name"] for job in await cluster.list("jobs.batch")}
        assert {one["name"] for one in status["active"]} == jobs
        assert bool(cluster.said("JobAlreadyActive")) == (policy == "Forbid")


async def test_a_suspended_cron_job_makes_nothing_and_starts_the_last_missed_run_when_it_resumes() -> None:
    async with running(CronJobController, JobController) as cluster:
        cluster.ends["quick"] = 0
        await cluster.create("cronjobs.batch", cron_job("*/10 * * * *", suspend=True))
        await cluster.advance(3600, step=300)
        assert await starts(cluster) == []
        await cluster.advance(5 * 60, step=60)
        await cluster.change("cronjobs.batch", "report", set_spec(suspend=False))
        assert await starts(cluster) == ["09:00"]


async def test_a_start_that_is_too_late_is_left_out() -> None:
    async with running(CronJobController, JobController) as cluster:
        cluster.ends["quick"] = 0
        await cluster.create("cronjobs.batch", cron_job("*/10 * * * *", suspend=True, startingDeadlineSeconds=60))
        await cluster.advance(25 * 60, step=60)
        await cluster.change("cronjobs.batch", "report", set_spec(suspend=False))
        assert await starts(cluster) == []
        await cluster.advance(6 * 60, step=60)
        assert await starts(cluster) == ["08:30"]


async def test_more_than_a_hundred_missed_starts_are_told() -> None:
    async with running(CronJobController, JobController) as cluster:
        cluster.ends["quick"] = 0
        await cluster.create("cronjobs.batch", cron_job("* * * * *", suspend=True))
        await cluster.advance(3 * 3600, step=3600)
        await cluster.change("cronjobs.batch", "report", set_spec(suspend=False))
        assert len(await starts(cluster)) == 1
        assert cluster.said("TooManyMissedTimes")


async def test_failed_jobs_are_kept_by_their_own_limit() -> None:
    async with running(CronJobController, JobController) as cluster:
        cluster.ends["quick"] = 3
        await cluster.create("cronjobs.batch", cron_job("*/10 * * * *", failedJobsHistoryLimit=2))
        await cluster.advance(3600, step=60)
        assert len(await cluster.list("jobs.batch")) == 2
        assert "lastSuccessfulTime" not in (await cluster.get("cronjobs.batch", "report"))["status"]


async def test_runs_every_so_often_do_not_drift() -> None:
    async with running(CronJobController, JobController) as cluster:
        cluster.ends["quick"] = 0
        await cluster.create("cronjobs.batch", cron_job("@every 1m"))
        await cluster.advance(2 * 3600 + 30, step=600)
        assert len(await starts(cluster)) == 120
        last = (await cluster.list("jobs.batch"))[-1]["metadata"]
        at = last["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"]
        assert parse_timestamp(last["creationTimestamp"]) - parse_timestamp(at) <= 1
